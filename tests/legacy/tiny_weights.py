"""What the two packages read, as small as they allow, with random weights."""

import json
from pathlib import Path
from typing import Any

import torch
from groundingdino.models import build_model  # type: ignore[import-not-found]
from groundingdino.util.slconfig import SLConfig  # type: ignore[import-not-found]
from segment_anything import sam_model_registry  # type: ignore[import-not-found]
from segment_anything.modeling import (  # type: ignore[import-not-found]
    ImageEncoderViT,
    MaskDecoder,
    PromptEncoder,
    Sam,
    TwoWayTransformer,
)
from transformers import AutoTokenizer, BertConfig, BertModel

from tests.curation.annotators.grounding.vocabulary import VOCABULARY_SIZE, vocabulary

SAM_SIDE = 128

# The fields of the package's own Swin-T config; its backbones come in three sizes, of which this is the smallest.
_DETECTOR = {
    "modelname": "groundingdino",
    "backbone": "swin_T_224_1k",
    "position_embedding": "sine",
    "pe_temperatureH": 20,
    "pe_temperatureW": 20,
    "return_interm_indices": [1, 2, 3],
    "backbone_freeze_keywords": None,
    "enc_layers": 1,
    "dec_layers": 1,
    "pre_norm": False,
    "dim_feedforward": 64,
    "hidden_dim": 256,  # the text positions of the package have no other
    "dropout": 0.0,
    "nheads": 2,
    "num_queries": 20,
    "query_dim": 4,
    "num_patterns": 0,
    "num_feature_levels": 4,
    "enc_n_points": 2,
    "dec_n_points": 2,
    "two_stage_type": "standard",
    "two_stage_bbox_embed_share": False,
    "two_stage_class_embed_share": False,
    "transformer_activation": "relu",
    "dec_pred_bbox_embed_share": True,
    "dn_box_noise_scale": 1.0,
    "dn_label_noise_ratio": 0.5,
    "dn_labelbook_size": 20,
    "embed_init_tgt": True,
    "max_text_len": 256,
    "text_encoder_type": "bert-base-uncased",
    "use_text_enhancer": True,
    "use_fusion_layer": True,
    "use_checkpoint": True,
    "use_transformer_ckpt": True,
    "use_text_cross_attention": True,
    "text_dropout": 0.0,
    "fusion_dropout": 0.0,
    "fusion_droppath": 0.0,
    "sub_sentence_present": True,
}


def save_text_encoder(folder: Path) -> Path:
    """A BERT and its vocabulary."""
    folder.mkdir()
    pieces = sorted(vocabulary(), key=vocabulary().__getitem__)
    (folder / "vocab.txt").write_text("\n".join(pieces) + "\n", encoding="utf-8")
    config = BertConfig(
        vocab_size=VOCABULARY_SIZE, hidden_size=16, num_hidden_layers=1, num_attention_heads=2, intermediate_size=16
    )
    BertModel(config).save_pretrained(folder)
    AutoTokenizer.from_pretrained(folder).save_pretrained(folder)
    return folder


def save_detector(folder: Path, text_encoder: Path) -> tuple[Path, Path]:
    """Weights under the names that training on several GPUs gives them, and the config."""
    folder.mkdir()
    config = folder / "tiny.json"
    config.write_text(json.dumps(_DETECTOR), encoding="utf-8")
    loaded = SLConfig.fromfile(str(config))
    loaded.text_encoder_type = str(text_encoder)
    torch.manual_seed(0)
    model = build_model(loaded)
    for name, weight in model.named_parameters():
        if weight.ndim > 1 and not name.startswith("backbone"):
            torch.nn.init.normal_(weight, std=0.1 if "bbox_embed" in name else 0.3)
    weights = {f"module.{name}": weight for name, weight in model.state_dict().items()}
    torch.save({"model": weights}, folder / "detector.pth")
    return folder / "detector.pth", config


def build_tiny_sam(checkpoint: None = None) -> Any:
    """As the package's own builders, which make none below 94 million weights."""
    del checkpoint
    side = SAM_SIDE // 16
    return Sam(
        image_encoder=ImageEncoderViT(
            depth=2, embed_dim=16, img_size=SAM_SIDE, num_heads=2, out_chans=16, window_size=4, use_rel_pos=True,
            global_attn_indexes=(1,),
        ),
        prompt_encoder=PromptEncoder(
            embed_dim=16, image_embedding_size=(side, side), input_image_size=(SAM_SIDE, SAM_SIDE), mask_in_chans=4
        ),
        mask_decoder=MaskDecoder(
            transformer_dim=16, transformer=TwoWayTransformer(depth=1, embedding_dim=16, num_heads=2, mlp_dim=16)
        ),
    )  # fmt: skip


def save_segmenter(path: Path) -> Path:
    """Weights of the tiny SAM, which the package knows as `tiny` from now on."""
    sam_model_registry["tiny"] = build_tiny_sam
    torch.manual_seed(1)
    model = build_tiny_sam()
    for weight in model.parameters():
        if weight.ndim > 1:
            torch.nn.init.normal_(weight, std=0.4)
    torch.save(model.state_dict(), path)
    return path
