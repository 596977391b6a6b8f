"""LargeFOV: VGG-16 at stride 8, its later layers convolving with holes."""

from __future__ import annotations

from typing import Any

from napari_fcn_crf.fcn.heads.head import Head, Plan

FC6_DILATION = 12


def build(plan: Plan) -> Any:
    """Return the logits `(batch, rows, columns, n_classes)` of DeepLab-LargeFOV.

    Notes
    -----
    The last two poolings keep the resolution, so the layers behind them skip pixels to see as far
    as before: block 5 every second one, fc6 every twelfth. fc6 is 3x3 with 1024 filters.

    References
    ----------
    Chen, Papandreou, Kokkinos, Murphy and Yuille, "Semantic image segmentation with deep
    convolutional nets and fully connected CRFs", ICLR 2015,
    https://doi.org/10.48550/arXiv.1412.7062
    """
    import keras

    from napari_fcn_crf.fcn.layers.upsampling import upsample
    from napari_fcn_crf.fcn.layers.vgg16 import convolution, score, vgg16_to_conv4

    conv4 = vgg16_to_conv4(plan.image, plan.widths)["conv4"]
    width5, width_fc = plan.widths.blocks[4], plan.widths.largefov_fc

    x = _pool_in_place(conv4, "pool4")

    x = convolution(x, width5, 3, "block5_conv1", dilation=2)
    x = convolution(x, width5, 3, "block5_conv2", dilation=2)
    x = convolution(x, width5, 3, "block5_conv3", dilation=2)
    x = _pool_in_place(x, "pool5")

    x = convolution(x, width_fc, 3, "fc6", dilation=FC6_DILATION)
    x = keras.layers.Dropout(plan.dropout, seed=plan.seed, name="dropout6")(x)
    x = convolution(x, width_fc, 1, "fc7")
    x = keras.layers.Dropout(plan.dropout, seed=plan.seed + 1, name="dropout7")(x)

    return upsample(score(x, plan.n_classes, "fc8"), 8, "upsample8")


def _pool_in_place(features: Any, name: str) -> Any:
    import keras

    return keras.layers.MaxPooling2D(
        3, strides=1, padding="same", data_format="channels_last", name=name
    )(features)


HEAD = Head(
    title="LargeFOV",
    tip="Convolutions with holes at stride 8, as in DeepLab (Chen 2015).",
    good_for="objects that their surroundings tell apart",
    build=build,
    scores=("fc8",),
    enlarged=(("fc8", (8,)),),
    halo_px=256,
)
