"""What the Snakefile and the rule scripts ask: the run, what each rule reads, and what its results depend on."""
