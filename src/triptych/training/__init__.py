"""LightningModules of the panels, learning rate schedules and callbacks."""

from triptych.training.callbacks.balance_pressure import BalancePressure
from triptych.training.callbacks.best_checkpoint import BestCheckpoint
from triptych.training.callbacks.compile import Compile
from triptych.training.callbacks.early_end import EarlyEnd
from triptych.training.callbacks.ema import EMA
from triptych.training.callbacks.meter import Meter
from triptych.training.callbacks.partial_epochs import PartialEpochs
from triptych.training.callbacks.patience import Patience
from triptych.training.callbacks.progress import Progress
from triptych.training.callbacks.run_in_checkpoint import KEY, RunInCheckpoint
from triptych.training.callbacks.single_experts import SingleExperts
from triptych.training.callbacks.tables import Tables
from triptych.training.callbacks.termination import Termination
from triptych.training.callbacks.threshold import Threshold
from triptych.training.cluster_environment import cluster_environment
from triptych.training.controller import ControllerModule
from triptych.training.data_parallel import DataParallelStrategy
from triptych.training.expert_parallel import ExpertParallelStrategy
from triptych.training.ffn import FFNModule
from triptych.training.fully_sharded import FullyShardedStrategy
from triptych.training.fully_sharded_checks import check_fully_sharded
from triptych.training.idle import leave_out_idle_hooks
from triptych.training.lockstep.batches import LockstepData
from triptych.training.lockstep.member import Member
from triptych.training.lockstep.module import LockstepModule
from triptych.training.module import ClassifierModule
from triptych.training.moe import MoEModule
from triptych.training.plain_steps import step_plainly
from triptych.training.sparse import SparseModule
from triptych.training.unprofiled import Unprofiled
from triptych.training.warmup_cosine import WarmupCosine
from triptych.training.whole_checkpoints import WholeCheckpoints

__all__ = [
    "EMA",
    "KEY",
    "BalancePressure",
    "BestCheckpoint",
    "ClassifierModule",
    "Compile",
    "ControllerModule",
    "DataParallelStrategy",
    "EarlyEnd",
    "ExpertParallelStrategy",
    "FFNModule",
    "FullyShardedStrategy",
    "LockstepData",
    "LockstepModule",
    "Member",
    "Meter",
    "MoEModule",
    "PartialEpochs",
    "Patience",
    "Progress",
    "RunInCheckpoint",
    "SingleExperts",
    "SparseModule",
    "Tables",
    "Termination",
    "Threshold",
    "Unprofiled",
    "WarmupCosine",
    "WholeCheckpoints",
    "check_fully_sharded",
    "cluster_environment",
    "leave_out_idle_hooks",
    "step_plainly",
]
