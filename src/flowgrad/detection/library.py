"""Importing ultralytics (AGPL-3.0) so that it keeps to what it is asked for."""

from __future__ import annotations

import atexit
import contextlib
import os
import shutil
import tempfile
from collections.abc import Iterator
from typing import Any

import torch  # before ultralytics, which otherwise leaves torch at one thread


def import_ultralytics() -> Any:
    """Import ultralytics with its network calls, self-installation and settings file switched off."""
    os.environ["YOLO_OFFLINE"] = "true"
    os.environ["YOLO_AUTOINSTALL"] = "false"
    os.environ["YOLO_VERBOSE"] = "false"
    if "YOLO_CONFIG_DIR" not in os.environ:
        os.environ["YOLO_CONFIG_DIR"] = tempfile.mkdtemp(prefix="flowgrad-yolo-")
        atexit.register(shutil.rmtree, os.environ["YOLO_CONFIG_DIR"], ignore_errors=True)
    with threads_kept():
        import ultralytics
        import ultralytics.nn.tasks
    return ultralytics


@contextlib.contextmanager
def threads_kept() -> Iterator[None]:
    """Keep the number of threads, which ultralytics sets when it is imported or given a processor to run on."""
    threads = torch.get_num_threads()
    try:
        yield
    finally:
        torch.set_num_threads(threads)
