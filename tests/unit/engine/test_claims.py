"""What a loaded model may count as its own: a prediction until it is loaded, then what it holds and may still take."""

from spark_engine.engine.resident import claimed
from spark_engine.hardware.memory import Held
from spark_engine.types.fit import Fit

FIT = Fit("fits", 1000, 200, 100, 9999, 4096, 4096)


def test_a_model_on_its_way_claims_what_was_predicted() -> None:
    assert claimed(FIT, Held(0, 0), 0, loaded=False) == 1300
    assert claimed(FIT, Held(1500, 0), 0, loaded=False) == 1500


def test_a_loaded_model_claims_what_it_holds_and_the_rest_of_its_cache() -> None:
    assert claimed(FIT, Held(1100, 0), 50, loaded=True) == 1100 + 150
    assert claimed(FIT, Held(1100, 0), 500, loaded=True) == 1100


def test_a_mapped_file_counts_as_far_as_the_weights_are_not_held_otherwise() -> None:
    assert claimed(FIT, Held(100, 1000), 200, loaded=True) == 100 + 900
    assert claimed(FIT, Held(1100, 1000), 200, loaded=True) == 1100, (
        "repacked: the file is not needed any more"
    )
    assert claimed(FIT, Held(100, 300), 200, loaded=True) == 400
