"""A GGUF file to a folder of safetensors, once: reading the one takes seconds, the other a moment."""

import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

from engine.errors import ModelError


def convert_gguf(file: Path, folder: Path) -> None:
    """Convert `file` into the new folder `folder`, which appears complete or not at all.

    Runs in a process of its own, so that the caller needs neither torch nor twice the model's memory.
    Raises ModelError.
    """
    folder.parent.mkdir(parents=True, exist_ok=True)
    unfinished = Path(tempfile.mkdtemp(dir=folder.parent, prefix=".converting-"))
    try:
        _convert_in_process(file, unfinished)
        unfinished.chmod(0o755)
        unfinished.rename(folder)
    except OSError as error:
        # Another process may have been faster; its folder has the same content.
        if not folder.is_dir():
            raise ModelError(f"cannot write the converted model to {folder}: {error}") from error
    finally:
        shutil.rmtree(unfinished, ignore_errors=True)


def _convert_in_process(file: Path, folder: Path) -> None:
    command = [sys.executable, "-m", "engine.conversion", str(file.resolve()), str(folder)]
    environment = os.environ | {"HF_HUB_OFFLINE": "1", "TQDM_DISABLE": "1"}
    done = subprocess.run(command, capture_output=True, text=True, check=False, env=environment)
    if done.returncode:
        reason = (done.stderr.strip() or f"exit code {done.returncode}").splitlines()[-1]
        raise ModelError(f"cannot convert {file}: {reason}")


def main(file: Path, folder: Path) -> None:
    """Load a GGUF file and save it as float16 safetensors with its tokenizer and chat template.

    float16 is what the scales of its blocks are stored in; what the rounding changes is a hundredth of what
    quantizing to a GGUF file's few bits has changed.
    """
    from transformers import AutoModelForCausalLM, AutoTokenizer

    source = {"pretrained_model_name_or_path": str(file.parent), "gguf_file": file.name}
    model = AutoModelForCausalLM.from_pretrained(**source, dtype="float16")
    # It is loaded dequantized, and must not be saved as if it were not.
    if hasattr(model.config, "quantization_config"):
        del model.config.quantization_config
    model.hf_quantizer = None
    model.save_pretrained(folder)
    AutoTokenizer.from_pretrained(**source).save_pretrained(folder)


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]))
