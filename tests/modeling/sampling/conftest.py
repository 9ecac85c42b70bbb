from tests.modeling.encoders.conftest import paper_checkpoints as paper_checkpoints
from tests.modeling.encoders.conftest import tiny_ti2v as tiny_ti2v
from tests.modeling.encoders.conftest import tiny_wan as tiny_wan
