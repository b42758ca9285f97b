from triptych.tracking.flat import flattened

# Two classes, two families, two experts.
TABLES = {
    "classes": ["a", "b"],
    "families": ["sinusoid", "steps"],
    "confusion": [[3, 1], [2, 2]],
    "calibration": {"count": [0, 5], "accuracy": [None, 0.8], "confidence": [None, 0.75]},
    "routing": [
        {
            "layer": "block_0",
            "load": [3, 4],
            "topk_by_family": [[3, 1], [0, 3]],
            "prob_by_family": [[0.7, 0.3], [0.2, 0.8]],
            "confidence": [0, 7],
        }
    ],
    "density": [{"layer": "fc1", "density": 0.2}, {"layer": "fc2", "density": 0.5, "speed": None}],
}


def test_confusion_has_a_row_for_each_pair_with_the_true_class_first() -> None:
    flat = flattened(TABLES)["confusion"]
    assert flat.columns == ("class", "predicted", "samples")
    assert flat.rows == (("a", "a", 3), ("a", "b", 1), ("b", "a", 2), ("b", "b", 2))


def test_accuracy_of_a_class_is_its_share_of_the_diagonal() -> None:
    flat = flattened(TABLES)["classes"]
    assert flat.columns == ("class", "samples", "accuracy")
    assert flat.rows == (("a", 4, 0.75), ("b", 4, 0.5))  # 3 / (3 + 1), 2 / (2 + 2)


def test_calibration_leaves_out_bins_without_samples() -> None:
    flat = flattened(TABLES)["calibration"]
    assert flat.columns == ("samples", "confidence", "accuracy")
    assert flat.rows == ((5, 0.75, 0.8),)


def test_routing_has_shares_of_each_familys_routes() -> None:
    flat = flattened(TABLES)["routing"]
    assert flat.columns == ("layer", "expert", "family", "share of routes", "mean probability")
    assert flat.rows == (
        ("block_0", 0, "sinusoid", 0.75, 0.7),
        ("block_0", 1, "sinusoid", 0.25, 0.3),
        ("block_0", 0, "steps", 0.0, 0.2),
        ("block_0", 1, "steps", 1.0, 0.8),
    )


def test_density_has_all_columns_that_some_layer_has() -> None:
    flat = flattened(TABLES)["density"]
    assert flat.columns == ("layer", "density", "speed")
    assert flat.rows == (("fc1", 0.2, None), ("fc2", 0.5, None))


def test_what_a_panel_has_not_is_left_out() -> None:
    alone = {key: TABLES[key] for key in ("classes", "families")}
    assert flattened(alone) == {}
