"""The tasks, by their name in the config."""

from quasarnet_al.tasks.digits import Digits
from quasarnet_al.tasks.quasar import Quasars
from quasarnet_al.tasks.task import Task

#: The tasks by the config's key `task`.
TASKS: dict[str, Task] = {task.name: task for task in (Quasars(), Digits())}
