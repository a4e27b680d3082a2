"""Solutions of notebook 17."""

which_fits = "shallow"  # the deep one could fit better, but does not find it

zero_branch = 3  # 3 past the branch, 0 through it

used_twice = 2  # 1 from each use


def add_gradients(dy, shapes):
    gradients = []
    for shape in shapes:
        repeated = tuple(i for i, n in enumerate(shape) if n == 1 and dy.shape[i] > 1)
        gradients.append(dy.sum(axis=repeated, keepdims=True))
    return gradients


def block_gradient(dy, x, w1, w2):
    dh = dy @ w2.T  # through the branch: back through w2,
    dz = dh * (x @ w1 > 0)  # the ReLU,
    through_branch = dz @ w1.T  # and w1
    return dy + through_branch


growth = 2**24  # each block doubles it
