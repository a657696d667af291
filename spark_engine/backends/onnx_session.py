"""How Spark opens an ONNX file with onnxruntime on the CPU."""

from pathlib import Path

import onnxruntime as ort


def open_session(model: Path | bytes, threads: int, *, weights: Path | None = None) -> ort.InferenceSession:
    """A session of a file, or of a file's bytes whose weights lie in the folder `weights`."""
    options = ort.SessionOptions()
    options.intra_op_num_threads = threads
    options.inter_op_num_threads = 1
    options.log_severity_level = 3
    # Threads that spin between operators win little on free cores, and lose half the speed when others need them.
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    if weights is not None:
        options.add_session_config_entry("session.model_external_initializers_file_folder_path", str(weights))
    source = model if isinstance(model, bytes) else str(model)
    session = ort.InferenceSession(source, options, providers=["CPUExecutionProvider"])
    session._model_bytes = None  # it would keep the bytes, to open itself again with other providers
    return session
