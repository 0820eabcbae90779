"""An outside package that adds to flowgrad by entry points alone."""
