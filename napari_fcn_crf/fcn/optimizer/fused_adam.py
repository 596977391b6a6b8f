"""Adam in one pass over the memory, with a learning rate for each variable."""

from __future__ import annotations

from typing import Any

import keras


class FusedAdam(keras.optimizers.Adam):
    """Keras' Adam by TensorFlow's own kernel, which updates moments and weights in one pass.

    With any other backend it is Keras' Adam. `shares`, set before the first step, are those of the
    learning rate that the variables have, in their order; empty for all of it.

    Notes
    -----
    Keras writes Adam as a dozen operations, each of which goes through the memory of all weights:
    for the 134 million of FCN-32s on a CPU, as much as a good part of a step. XLA would merge them
    too, but compiles for as long as several steps, and its step is no faster than with this kernel:
    `benchmarks/network.py` compares them. Both compute

    .. math::

        m \\leftarrow m + (1 - \\beta_1)(g - m), \\quad
        v \\leftarrow v + (1 - \\beta_2)(g^2 - v), \\quad
        w \\leftarrow w - \\alpha
        \\frac{\\sqrt{1 - \\beta_2^t}}{1 - \\beta_1^t} \\frac{m}{\\sqrt{v} + \\epsilon}

    References
    ----------
    Kingma and Ba, "Adam: a method for stochastic optimization", ICLR 2015,
    https://doi.org/10.48550/arXiv.1412.6980
    """

    shares: tuple[float, ...] = ()

    def update_step(self, gradient: Any, variable: Any, learning_rate: Any) -> None:
        """Update one variable and its moments."""
        index = self._get_variable_index(variable)
        if self.shares:
            learning_rate = learning_rate * self.shares[index]
        if keras.backend.backend() != "tensorflow":
            super().update_step(gradient, variable, learning_rate)
            return
        import tensorflow

        step = keras.ops.cast(self.iterations + 1, "float32")
        tensorflow.raw_ops.ResourceApplyAdam(
            var=_handle(variable),
            m=_handle(self._momentums[index]),
            v=_handle(self._velocities[index]),
            beta1_power=keras.ops.power(self.beta_1, step),
            beta2_power=keras.ops.power(self.beta_2, step),
            lr=learning_rate,
            beta1=self.beta_1,
            beta2=self.beta_2,
            epsilon=self.epsilon,
            grad=gradient,
        )


def _handle(variable: Any) -> Any:
    """Return what TensorFlow knows a variable by, whether it is Keras' or its own."""
    return (variable.value if isinstance(variable, keras.Variable) else variable).handle
