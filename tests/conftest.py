"""For all tests: one thread, as steps are tiny, and no deadline, as the machine may be busy."""

import torch
from hypothesis import settings

settings.register_profile("triptych", deadline=None)
settings.load_profile("triptych")
torch.set_num_threads(1)
