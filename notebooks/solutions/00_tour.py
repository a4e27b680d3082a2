"""Solutions of notebook 00."""

first_layer = 80  # 8 filters of 3 · 3 · 1 weights and one bias: 8 · (9 + 1)

last_map = (5, 5, 16)  # 28 → 26 → 13 → 11 → 5 rows and columns; as many channels as filters

largest_layer = "dense"  # 5 · 5 · 16 · 10 + 10 = 4010, and conv_2 has 16 · (3 · 3 · 8 + 1) = 1168


def parameters(kernel_size, filters):
    second = filters * (kernel_size * kernel_size * 8 + 1)  # pool_1 gives 13 × 13 × 8
    side = 13 - kernel_size + 1  # places of the window
    side //= 2  # the pooling drops what is left over
    dense = side * side * filters * 10 + 10
    return second, dense
