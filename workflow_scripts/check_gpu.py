"""Say whether TensorFlow can use the GPUs of this node, and if not, what is missing.

Run it on a GPU node, before the first training there; it ends with status 2 where it cannot.
"""

import ctypes
import os

from quasarnet_al.core.files import InputError
from quasarnet_al.core.program import command_line, program
from quasarnet_al.network import gpu, recipe

#: Asked of one TensorFlow, which takes seconds to start.
QUESTIONS = (
    "[training.tf.__version__, training.tf.test.is_built_with_cuda(), "
    "gpu.libraries_found(), training.gpus()]"
)


def main(argv: list[str] | None = None) -> None:
    command_line(__doc__).parse_args(argv)
    recipe.need_tensorflow(False)
    print(f"CUDA_VISIBLE_DEVICES: {os.environ.get('CUDA_VISIBLE_DEVICES', 'not set')}")
    version, cuda, found, devices = gpu.asked(QUESTIONS)
    print(f"TensorFlow: {version}, built {'with' if cuda else 'without'} CUDA")
    if not cuda:
        raise InputError("TensorFlow", "is built without CUDA", "install envs/gpu.txt")
    print(f"CUDA's libraries: {'found' if found else 'not all found'}")
    try:
        ctypes.CDLL("libcuda.so.1")
    except OSError as error:
        raise InputError("libcuda.so.1", "the driver is not here", "use a GPU node") from error
    if not found:
        raise InputError("CUDA", "TensorFlow misses a library", "install envs/gpu.txt again")
    print(f"GPUs: {'; '.join(devices) or 'none'}")
    if not devices:
        raise InputError("GPU", "TensorFlow sees none", "ask SLURM for one: --gpus-per-node=1")


if __name__ == "__main__":
    program(main)
