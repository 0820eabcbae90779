"""Targets that there are not: one sentence in place of the engine's "no rule to produce".

An input function is asked when a target is; it ends the run before anything is done.
"""

if not RUN.labelled:

    rule metrics:
        input:
            lambda wildcards: give_up(
                f"metrics: format {RUN.config.dataset.format} has no annotations to score; ask for all", MISTAKE
            ),


# everything that is made lies in a folder
rule no_target:
    input:
        lambda wildcards: no_target(wildcards.name),
    output:
        "{name}",
    wildcard_constraints:
        name="[^/]+",
