"""How Lightning learns of the other processes of a run."""

from lightning.fabric.plugins.environments.cluster_environment import ClusterEnvironment
from lightning.fabric.plugins.environments.lightning import LightningEnvironment
from lightning.fabric.plugins.environments.slurm import SLURMEnvironment
from lightning.fabric.plugins.environments.torchelastic import TorchElasticEnvironment

from triptych.world import world


def cluster_environment() -> ClusterEnvironment:
    """What has started them. Lightning's own guess takes the script of a batch job for a task of
    srun, and waits for tasks that never come."""
    place = world()
    match place.launcher if place is not None else "":
        case "torchrun":
            return TorchElasticEnvironment()
        case "srun" if place is not None and place.size > 1:
            # A job is put back in the queue by its script, which has our exit code to go by.
            return SLURMEnvironment(auto_requeue=False)
        case _:
            return LightningEnvironment()
