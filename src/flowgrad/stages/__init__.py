"""Stages: one module a rule. A stage reads artifacts, calls the pure code and writes artifacts."""
