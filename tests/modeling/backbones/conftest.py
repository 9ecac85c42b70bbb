from tests.modeling.encoders.conftest import paper_checkpoints as paper_checkpoints
from tests.modeling.encoders.conftest import tiny_cogvideox as tiny_cogvideox
from tests.modeling.encoders.conftest import tiny_hunyuan as tiny_hunyuan
from tests.modeling.encoders.conftest import tiny_ltx as tiny_ltx
from tests.modeling.encoders.conftest import tiny_rotary_cogvideox as tiny_rotary_cogvideox
from tests.modeling.encoders.conftest import tiny_ti2v as tiny_ti2v
from tests.modeling.encoders.conftest import tiny_wan as tiny_wan
