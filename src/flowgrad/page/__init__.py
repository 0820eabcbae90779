"""The page on a run, ``results/index.html``: what it shows, and the small files that it loads where somebody looks."""
