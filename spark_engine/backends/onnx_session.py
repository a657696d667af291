"""How Spark opens an ONNX file with onnxruntime on the CPU."""

from pathlib import Path

import onnxruntime as ort

from spark_engine.hardware.own_kernels import kernels_library

SPIN_US = 50


def open_session(
    model: Path | bytes, threads: int, *, weights: Path | None = None, kernels: bool = False
) -> ort.InferenceSession:
    """A session of a file, or of a file's bytes whose weights lie in the folder `weights`. `kernels`: it has operators
    of Spark's own library."""
    options = ort.SessionOptions()
    options.intra_op_num_threads = threads
    options.inter_op_num_threads = 1
    options.log_severity_level = 3
    # Long enough for the next operator, which is 4 % faster; too short to keep cores from other programs.
    options.add_session_config_entry("session.intra_op.allow_spinning", "1")
    options.add_session_config_entry("session.intra_op.spin_duration_us", str(SPIN_US))
    if weights is not None:
        options.add_session_config_entry("session.model_external_initializers_file_folder_path", str(weights))
    if kernels:
        options.register_custom_ops_library(str(kernels_library()))
    source = model if isinstance(model, bytes) else str(model)
    session = ort.InferenceSession(source, options, providers=["CPUExecutionProvider"])
    session._model_bytes = None  # it would keep the bytes, to open itself again with other providers
    return session
