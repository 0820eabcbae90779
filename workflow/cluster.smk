"""What holds where jobs run elsewhere than the engine: their image, their GPUs, and what a killed run left behind."""

from pathlib import Path

from flowgrad import artifacts
from flowgrad.models.runtime import lack
from flowgrad.workflow.cluster import alone, end_leftovers
from flowgrad.workflow.progress import announce


# of use only with --software-deployment-method apptainer (docs/cluster.md)
container: RUN.config.container


# where jobs are submitted, a limit such as "one GPU" holds for each of them, not for all of them together
resource_scopes:
    gpu="local",


onstart:
    # jobs here, in this environment: what it lacks they lack
    if workflow.local_exec and not workflow.deployment_settings.deployment_method:
        lacking = lack(RUN.precision, RUN.config.engine) if RUN.networks or RUN.detects else None
        if lacking:
            give_up(InputError(lacking))
    announce(workflow)
    # where another run holds a lock, what is in the queue and in hidden folders may be its own
    if RUN.update and alone(Path.cwd()):
        try:
            end_leftovers(Path.cwd(), submits=workflow.non_local_exec)
        except InputError as error:
            give_up(error)
        work.cache(RUN).sweep()
        artifacts.sweep(Path(paths.RESULTS))
        RUN.begin()
