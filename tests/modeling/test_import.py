import subprocess
import sys


def test_importing_modeling_loads_no_cluster_table_or_command_line_library() -> None:
    """In a process of its own in which these packages cannot be imported at all."""
    unwanted = ("ray", "pandas", "tyro", "pydantic", "rich", "transformers", "diffusers", "curation", "pipelines")
    program = f"import sys; sys.modules.update(dict.fromkeys({unwanted})); import modeling; modeling.tiny()"

    finished = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, timeout=120, check=False)

    assert finished.returncode == 0, finished.stderr


def test_everything_that_the_front_door_names_is_there_once() -> None:
    import modeling

    assert len(set(modeling.__all__)) == len(modeling.__all__)
    assert all(hasattr(modeling, name) for name in modeling.__all__)
