"""What launchers put in the environment of the processes that they start."""

TORCHRUN = {
    "TORCHELASTIC_RUN_ID": "none",
    "RANK": "3",
    "LOCAL_RANK": "1",
    "WORLD_SIZE": "4",
    "LOCAL_WORLD_SIZE": "2",
    "TORCHELASTIC_RESTART_COUNT": "1",
}
BATCH = {
    "SLURM_JOB_NAME": "study",
    "SLURM_NTASKS": "4",
    "SLURM_PROCID": "0",
    "SLURM_RESTART_COUNT": "2",
}
TASK = BATCH | {
    "SLURM_STEP_ID": "0",
    "SLURM_PROCID": "3",
    "SLURM_STEP_NUM_TASKS": "4",
    "SLURM_STEP_NUM_NODES": "2",
}
