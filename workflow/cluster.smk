"""What holds where jobs run elsewhere than the engine: their image, their GPUs, and what a killed run left behind."""

from pathlib import Path

from flowgrad import artifacts
from flowgrad.workflow.cluster import alone, end_leftovers


# of use only with --software-deployment-method apptainer (docs/cluster.md)
container: RUN.config.container


# where jobs are submitted, a limit such as "one GPU" holds for each of them, not for all of them together
resource_scopes:
    gpu="local",


onstart:
    # where another run holds a lock, what is in the queue and in hidden folders may be its own
    if RUN.update and alone(Path.cwd()):
        try:
            end_leftovers(Path.cwd(), submits=workflow.non_local_exec)
        except InputError as error:
            give_up(error)
        work.cache(RUN).sweep()
        artifacts.sweep(Path(paths.RESULTS))
        RUN.begin()
