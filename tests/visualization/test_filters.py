"""The pages of filters and feature maps show the numbers they were given, in one scale."""

import numpy as np
import pytest

from scratchnet.visualization import feature_maps, filters, filters_and_feature_maps

RNG = np.random.default_rng(0)
KERNEL = RNG.normal(size=(3, 5, 1, 6))
MAPS = RNG.random((4, 7, 6))
IMAGE = RNG.integers(0, 256, (9, 8, 1), dtype=np.uint8)


def pictures(figure) -> list[np.ndarray]:
    return [np.asarray(axes.images[0].get_array()) for axes in figure.axes if axes.images]


def titles(figure) -> list[str]:
    return [axes.get_title() for axes in figure.axes if axes.images]


def scales(figure) -> list[str]:
    return [axes.get_ylabel() for axes in figure.axes if axes.get_ylabel()]


def test_filters_draws_each_filter_with_its_number_in_one_scale():
    figure = filters(KERNEL)
    drawn = pictures(figure)
    assert len(drawn) == 6
    for k, picture in enumerate(drawn):
        np.testing.assert_array_equal(picture, KERNEL[:, :, 0, k])
    largest = np.abs(KERNEL).max()
    assert {axes.images[0].get_clim() for axes in figure.axes if axes.images} == {
        (-largest, largest)
    }
    assert titles(figure) == ["1", "2", "3", "4", "5", "6"]
    assert figure.get_suptitle() == "6 filters, 3 × 5"
    assert scales(figure) == ["weight"]


def test_filters_of_three_channels_are_colours_around_grey():
    kernel = RNG.normal(size=(2, 2, 3, 4))
    kernel[0, 0, :, 1] = 0.0
    kernel[1, 1, 2, 3] = 8.0  # the largest
    figure = filters(kernel)
    drawn = pictures(figure)
    assert drawn[1][0, 0].tolist() == [0.5, 0.5, 0.5]
    assert drawn[3][1, 1, 2] == 1.0
    np.testing.assert_allclose((np.array(drawn) - 0.5) * 16, np.moveaxis(kernel, 3, 0), atol=1e-13)
    assert scales(figure) == []


def test_filters_of_many_channels_are_their_mean_and_the_title_says_so():
    kernel = RNG.normal(size=(2, 2, 4, 3))
    figure = filters(kernel)
    np.testing.assert_array_equal(pictures(figure)[2], kernel[:, :, :, 2].mean(axis=2))
    assert figure.get_suptitle() == "3 filters, 2 × 2 (mean of 4 channels)"


def test_filters_says_how_many_it_leaves_out():
    figure = filters(KERNEL, limit=4)
    assert titles(figure) == ["1", "2", "3", "4"]
    assert figure.get_suptitle() == "The first 4 of 6 filters, 3 × 5"


def test_feature_maps_draws_the_image_and_each_map_in_one_scale():
    figure = feature_maps(MAPS, IMAGE)
    image, *maps = pictures(figure)
    low, high = IMAGE.min(), IMAGE.max()
    np.testing.assert_allclose(image, (IMAGE[:, :, 0] - float(low)) / (high - low), rtol=1e-15)
    for k, picture in enumerate(maps):
        np.testing.assert_array_equal(picture, MAPS[:, :, k])
    assert titles(figure) == ["image", "1", "2", "3", "4", "5", "6"]
    assert {axes.images[0].get_clim() for axes in figure.axes[1:7]} == {(0.0, MAPS.max())}
    assert figure.get_suptitle() == "6 feature maps"
    assert scales(figure) == ["activation"]


def test_feature_maps_without_an_image_begins_with_the_first_map():
    figure = feature_maps(MAPS, limit=1)
    np.testing.assert_array_equal(pictures(figure)[0], MAPS[:, :, 0])
    assert titles(figure) == ["1"]
    assert figure.get_suptitle() == "The first 1 of 6 feature maps"


def test_maps_with_negative_activations_have_a_scale_around_zero():
    maps = np.array([[[-3.0], [2.0]]])
    assert feature_maps(maps).axes[0].images[0].get_clim() == (-3.0, 3.0)


def test_the_page_has_the_image_then_each_filter_above_its_map():
    figure = filters_and_feature_maps(KERNEL, IMAGE, MAPS)
    drawn = pictures(figure)
    assert len(drawn) == 1 + 2 * 6
    for k in range(6):
        np.testing.assert_array_equal(drawn[1 + 2 * k], KERNEL[:, :, 0, k])
        np.testing.assert_array_equal(drawn[2 + 2 * k], MAPS[:, :, k])
        above, below = (figure.axes[i].get_position() for i in (1 + 2 * k, 2 + 2 * k))
        assert above.x0 == below.x0
        assert 0 < above.y0 - below.y1 < below.height / 4
    assert figure.texts[0].get_text() == "6 filters, 3 × 5, each above its feature map"
    assert scales(figure) == ["weight", "activation"]


@pytest.mark.parametrize("count", [1, 2, 8, 9, 40])
def test_nothing_on_the_page_overlaps_or_leaves_it(count):
    kernel, maps = np.ones((3, 3, 1, count)), np.ones((5, 5, count))
    figure = filters_and_feature_maps(kernel, IMAGE, maps)
    boxes = [axes.get_position() for axes in figure.axes]
    assert len(boxes) == 1 + 2 * min(count, 32) + 2
    for i, box in enumerate(boxes):
        assert 0 < box.x0 < box.x1 < 1
        assert 0 < box.y0 < box.y1 < 1
        for other in boxes[:i]:
            assert (
                box.x0 >= other.x1 or other.x0 >= box.x1 or box.y0 >= other.y1 or other.y0 >= box.y1
            )


@pytest.mark.parametrize("count", [1, 2, 3, 5, 11, 13, 33])
def test_a_page_has_room_for_every_picture(count):
    assert len(pictures(feature_maps(np.ones((2, 2, count)), limit=99))) == count


@pytest.mark.parametrize("value", [0.0, 1.0], ids=["nothing but zeros", "nothing but ones"])
def test_constant_pictures_are_drawn_without_a_warning(value):
    shape = (4, 4, 3)
    kernel = np.full((2, 2, 3, 3), value)
    figure = filters_and_feature_maps(kernel, np.full(shape, value), np.full(shape, value))
    figure.draw_without_rendering()
    assert len(pictures(figure)) == 7


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (
            lambda: filters(KERNEL[..., 0]),
            r"kernel has shape \(3, 5, 1\)\. Expected \(kh, kw, C, F",
        ),
        (lambda: filters(KERNEL[..., :0]), r"kernel has shape \(3, 5, 1, 0\)"),
        (lambda: filters(KERNEL, limit=0), "limit=0 leaves nothing to draw"),
        (
            lambda: feature_maps(MAPS[None]),
            r"maps have shape \(1, 4, 7, 6\)\. Expected \(H, W, F\)",
        ),
        (lambda: feature_maps(MAPS[:0]), r"maps have shape \(0, 7, 6\)"),
        (lambda: feature_maps(MAPS, MAPS), r"image has shape \(4, 7, 6\)\. Expected \(H, W\)"),
        (lambda: feature_maps(MAPS, np.ones(4)), r"image has shape \(4,\)"),
        (
            lambda: filters_and_feature_maps(KERNEL, IMAGE, MAPS[..., :4]),
            "a kernel of 6 filters and 4 maps. Expected one map for each filter",
        ),
    ],
)
def test_what_are_no_filters_maps_or_images_is_refused(call, message):
    with pytest.raises(ValueError, match=message):
        call()
