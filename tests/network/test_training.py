"""Training: the published loss, and the same network whatever happens on the way."""

import dataclasses

import numpy as np
import pytest

from quasarnet_al.core import files
from quasarnet_al.network import augmentation, inference, targets, weights
from quasarnet_al.spectra import grid, pool
from quasarnet_al.tasks import registry, task

pytestmark = [pytest.mark.slow, pytest.mark.usefixtures("training")]
training = pytest.importorskip("quasarnet_al.network.training")
tf = training.tf

RECIPE = training.Recipe(layers=4, filters=4, units=8, epochs=3, batch_size=16)


@pytest.fixture(scope="module")
def examples():
    """Spectra with one line each, at a redshift that is to be learnt."""
    rng = np.random.default_rng(0)
    z = rng.uniform(1.5, 3.5, 70)
    pixel = grid.LOG.pixel(1548.2049 * (1 + z))
    spectra = rng.normal(0, 0.3, (70, 443)) + 4 * np.exp(
        -0.5 * ((np.arange(443) - pixel[:, None]) / 3) ** 2
    )
    is_qso = np.arange(70) % 3 > 0
    spectra[~is_qso] = rng.normal(size=(int((~is_qso).sum()), 443))
    bal = rng.integers(-1, 2, 70)
    return spectra.astype(np.float32), targets.line_targets(is_qso, z, bal, grid.LOG)


def train_on(spectra, wanted, recipe, seed):
    session = training.Session([seed], report=lambda *line: None)
    (trained,) = training.train([training.Examples(spectra, wanted)], grid.LOG, recipe, session)
    return trained


def arrays(network):
    layers = [network.common, *network.boxes, *network.offsets, *network.convs]
    return [layer.kernel for layer in layers] + [network.norm.moving_variance]


def same(one, two):
    return all(np.array_equal(a, b) for a, b in zip(arrays(one), arrays(two), strict=True))


def published_loss(y_true, y_pred):
    """Busca & Balland 2018, equation 1, as their code has it, in numpy for one output."""
    box, offset = y_true[:, :13], y_true[:, 13:]
    p, guess = np.clip(y_pred[:, :13], 1e-7, 1 - 1e-7), y_pred[:, 13:]
    n1, n2 = box.sum(axis=1) + 1e-7, (1 - box).sum(axis=1) + 1e-7
    each = -(box * np.log(p)).sum(axis=1) / n1 - ((1 - box) * np.log(1 - p)).sum(axis=1) / n2
    return each + (box * (offset - guess) ** 2).sum(axis=1) / n1


def test_loss_is_the_published_one(examples):
    _, (box, offset, weight) = examples
    rng = np.random.default_rng(1)
    logit = rng.normal(0, 2, box.shape).astype(np.float32)
    guess = rng.uniform(-0.1, 1.1, box.shape).astype(np.float32)
    tensors = [tf.constant(array) for array in (box, offset, weight, logit, guess)]
    found = training.loss(training.Recipe(), *tensors).numpy()
    expected = sum(
        weight[:, line]
        * published_loss(
            np.hstack([box[:, line], offset[:, line]]).astype(float),
            np.hstack([1 / (1 + np.exp(-logit[:, line])), guess[:, line]]).astype(float),
        )
        for line in range(7)
    )
    np.testing.assert_allclose(found, expected, rtol=1e-5)
    weighted = training.loss(training.Recipe(offset_weight=11), *tensors).numpy()
    errors = (weight * (box * (offset - guess) ** 2).sum(axis=2)).sum(axis=1)
    np.testing.assert_allclose(weighted, expected + 10 * errors, rtol=1e-5)


@pytest.mark.parametrize("layers", [4, 6])
def test_arrays_are_the_models(layers):
    """The network that leaves training computes what the Keras model computes."""
    recipe = training.Recipe(layers=layers, filters=6, units=10)
    model = training.build(recipe, grid.LOG)
    rng = np.random.default_rng(2)
    for layer in model.layers:  # statistics that are not the initial 0 and 1
        if "batch_normalization" in layer.name:
            layer.set_weights([rng.uniform(0.5, 1.5, w.shape) for w in layer.get_weights()])
    spectra = rng.normal(size=(9, 443)).astype(np.float32)
    logit, offset = model(spectra[..., None], training=False)
    network = training._network(model, grid.LOG)
    confidence, found = inference.predict(network, spectra)
    np.testing.assert_allclose(confidence, tf.sigmoid(logit), atol=1e-5)
    np.testing.assert_allclose(found, offset, atol=1e-5)
    assert len(network.convs) == layers
    assert {conv.padding for conv in network.convs} == {"valid" if layers == 4 else "same"}


@pytest.mark.parametrize("layers", [4, 6])
def test_a_training_starts_where_it_is_told(examples, layers):
    """With a rate of nearly zero it ends there too, whatever the seed."""
    spectra, wanted = examples
    recipe = training.Recipe(layers=layers, filters=4, units=8, epochs=6, batch_size=16)
    learnt, history = train_on(spectra, wanted, recipe, 1)
    still = dataclasses.replace(recipe, epochs=1, learning_rate=1e-12)
    session = training.Session([2], report=lambda *line: None, starts=[learnt])
    known = [training.Examples(spectra, wanted)]
    [(same, _)] = training.train(known, grid.LOG, still, session)
    for one, two in zip([*learnt.convs, learnt.common], [*same.convs, same.common], strict=True):
        np.testing.assert_allclose(one.kernel, two.kernel, atol=1e-6)
    for heads in ("boxes", "offsets"):
        for one, two in zip(getattr(learnt, heads), getattr(same, heads), strict=True):
            np.testing.assert_allclose(one.kernel, two.kernel, atol=1e-6)
            np.testing.assert_allclose(one.bias, two.bias, atol=1e-6)
    # And goes on from there.
    [(_, later)] = training.train(known, grid.LOG, recipe, session)
    assert later[0]["loss"] < history[0]["loss"]


def test_it_learns(examples):
    spectra, wanted = examples
    recipe = training.Recipe(layers=4, filters=8, units=16, epochs=40, batch_size=16, dropout=0,
                             learning_rate=2e-3)  # fmt: skip
    _, history = train_on(spectra, wanted, recipe, 1)
    assert history[-1]["loss"] < 0.5 * history[0]["loss"]


def test_shifts_are_drawn_anew_in_each_epoch(examples, monkeypatch):
    """And the same again: a training that went on from a checkpoint is that without a break."""
    drawn = []
    spectra = examples[0]
    labels = pool.labels(len(spectra), "inspection")
    labels["SPECTYPE"], labels["Z"] = "QSO", 2.0

    shift = augmentation.shift

    def remember(*arguments):
        drawn.append(shift(*arguments))
        return drawn[-1]

    monkeypatch.setattr(augmentation, "shift", remember)
    recipe = training.Recipe(layers=4, filters=6, units=8, epochs=2, batch_size=16, shift=3)
    known = task.Labelled(spectra, labels, grid.LOG)
    for _ in range(2):
        session = training.Session([1], report=lambda *line: None)
        registry.TASKS["quasar"].train([known], recipe, session)
    first, second, again, _ = drawn
    assert (first[1] != second[1]).any()
    np.testing.assert_array_equal(first[0], again[0])
    np.testing.assert_array_equal(first[1], again[1])
    assert np.abs(np.log10((1 + first[1]) / 3)).max() < 3.5e-3


def test_same_seed_same_bytes(examples):
    spectra, wanted = examples
    one, _ = train_on(spectra, wanted, RECIPE, 5)
    two, _ = train_on(spectra, wanted, RECIPE, 5)
    three, _ = train_on(spectra, wanted, RECIPE, 6)
    assert same(one, two)
    assert not same(one, three)


@pytest.mark.parametrize("members", [1, 2])
def test_resumed_training_ends_at_the_same_network(examples, tmp_path, members):
    spectra, wanted = examples
    seeds, known = [5, 6][:members], [training.Examples(spectra, wanted)] * members

    def trained(checkpoint=None, report=lambda *line: None):
        session = training.Session(seeds, checkpoint, report)
        return training.train(known, grid.LOG, RECIPE, session, known[0])

    whole = trained()

    class Stop(Exception):
        pass

    def stop_after_two(_, line):
        if line.startswith("epoch 2"):
            raise Stop

    checkpoint = tmp_path / "member.npz"
    # The checkpoint of epoch 2 is written after its line is told: this breaks in epoch 2.
    with pytest.raises(Stop):
        trained(checkpoint, stop_after_two)
    for (one, history), (two, again) in zip(whole, trained(checkpoint), strict=True):
        assert len(history) == 3
        assert history == again
        assert same(one, two)


def outputs(network, spectra):
    return np.concatenate(inference.predict(network, spectra))


@pytest.mark.parametrize(
    ("layers", "options"),
    [
        (4, {"dropout": 0.0, "schedule": "cosine", "filters": 4}),
        (6, {"noise": 0.5, "shift": 3, "filters": 5}),
    ],
)
def test_members_trained_at_once_are_those_trained_alone(examples, layers, options):
    """Each with its own sample, batches, dropout and best epoch, until rounding has added up."""
    labels = pool.labels(len(examples[0]), "inspection")
    is_qso = examples[1][0].any(axis=(1, 2))
    labels["SPECTYPE"], labels["Z"] = np.where(is_qso, "QSO", "STAR"), 2.2
    known = task.Labelled(examples[0], labels, grid.LOG)
    recipe = training.Recipe(
        layers=layers, units=8, epochs=4, batch_size=32, learning_rate=3e-3, **options
    )
    seeds = [[3, 1, member] for member in range(3)]
    lines = []

    def trained(seeds):
        return registry.TASKS["quasar"].train_members(
            known.rows(np.arange(50)),
            recipe,
            seeds,
            report=lambda number, line: lines.append((number, line)),
            validation=known.rows(np.arange(50, 70)),
        )

    together = trained(seeds)
    assert [number for number, _ in lines] == [0, 1, 2] * 4
    alone = [each for seed in seeds for each in trained([seed])]
    for (one, curve), (two, expected) in zip(together, alone, strict=True):
        assert [row["epoch"] for row in curve] == [1, 2, 3, 4]
        for name in ("loss", "validation_loss"):
            found = [[row[name] for row in rows] for rows in (curve, expected)]
            np.testing.assert_allclose(*found, rtol=1e-4)
        spectra = examples[0][50:]
        np.testing.assert_allclose(outputs(one, spectra), outputs(two, spectra), atol=1e-3)
    # The members differ by far more than that.
    first, second = (outputs(network, examples[0][50:]) for network, _ in together[:2])
    assert np.abs(first - second).max() > 0.02


def test_members_trained_at_once_start_from_their_own_weights(examples):
    spectra, wanted = examples
    recipe = training.Recipe(layers=4, filters=4, units=8, epochs=2, batch_size=16)
    known = [training.Examples(spectra, wanted)] * 2
    quiet = {"report": lambda *line: None}
    first = training.train(known, grid.LOG, recipe, training.Session([1, 2], **quiet))
    starts = [network for network, _ in first]
    still = dataclasses.replace(recipe, epochs=1, learning_rate=1e-12)
    session = training.Session([3, 4], starts=starts, **quiet)
    for (network, _), start in zip(
        training.train(known, grid.LOG, still, session), starts, strict=True
    ):
        np.testing.assert_allclose(network.common.kernel, start.common.kernel, atol=1e-6)
    assert np.abs(starts[0].common.kernel - starts[1].common.kernel).max() > 0.01


def test_members_trained_at_once_keep_their_best_epochs(examples):
    """Which differ here, since the loss rises again with a rate as large as this."""
    spectra, wanted = examples
    recipe = training.Recipe(layers=4, filters=4, units=8, epochs=6, learning_rate=0.03,
                             batch_size=16)  # fmt: skip
    data = training.Examples(spectra, wanted)
    session = training.Session([1, 2, 3], report=lambda *line: None)
    trained = training.train([data] * 3, grid.LOG, recipe, session, validation=data)
    best = [min(rows, key=lambda row: row["validation_loss"]) for _, rows in trained]
    assert len({row["epoch"] for row in best}) > 1
    for (network, _), row in zip(trained, best, strict=True):
        confidence, offset = inference.predict(network, spectra)
        logit = np.log(confidence / (1 - confidence))
        found = training.loss(recipe, *map(tf.constant, (*wanted, logit, offset)))
        assert np.mean(found) == pytest.approx(row["validation_loss"], rel=1e-3)


def test_one_of_several_members_cannot_diverge_unseen(examples):
    spectra, wanted = examples
    endless = spectra.copy()
    endless[3] = np.inf
    known = [training.Examples(each, wanted) for each in (spectra, endless)]
    told = []
    session = training.Session([1, 2], report=lambda *line: told.append(line))
    with pytest.raises(FloatingPointError, match="epoch 1"):
        training.train(known, grid.LOG, RECIPE, session)
    # The other one's numbers are fine: it is told which is not.
    assert [number for number, _ in told] == [1] and "not finite" in told[0][1]
    with pytest.raises(ValueError, match="unpack"):
        training.train([known[0], training.Examples(spectra[:9], wanted)], grid.LOG, RECIPE,
                       session)  # fmt: skip


def test_spectra_drawn_ahead_for_a_gpu_are_those_drawn_in_turn(monkeypatch):
    def drawn(epochs):
        def vary(_, rng):
            return training.Examples(rng.random((3, 2)), [])

        return [[each.inputs for each in of] for of in training._varied(vary, [1, 2], epochs)]

    in_turn = drawn(range(2, 5))
    assert np.shape(in_turn) == (3, 2, 3, 2) and len(np.unique(in_turn)) == 36
    monkeypatch.setattr(training, "gpus", lambda: ["GPU"])
    np.testing.assert_array_equal(drawn(range(2, 5)), in_turn)
    assert drawn(range(5, 5)) == []


def write_set(path, examples):
    spectra, (box, _, _) = examples
    labels = pool.labels(len(spectra), "test")
    labels["TARGETID"] = np.arange(len(spectra))
    labels["SPECTYPE"] = np.where(box[:, :6].any(axis=(1, 2)), "QSO", "STAR")
    labels["Z"] = 2.2
    catalog = pool.catalog(len(spectra), "test")
    catalog["TARGETID"] = labels["TARGETID"]
    pool.write(path, spectra, catalog, grid.LOG, labels)


def train(program, training_set, folder, members, at_once=1, **environment):
    options = ["--layers", 4, "--filters", 4, "--epochs", 2, "--batch-size", 16, "--seed", 1]
    options += ["--at-once", at_once]
    return program(
        "train_members.py", "--training", training_set, "--members", *members, *options,
        "--checkpoints", folder / "work", "--output", folder / "team.h5", **environment,
    )  # fmt: skip


def test_a_member_does_not_depend_on_its_team(program, examples, tmp_path):
    write_set(tmp_path / "training.fits", examples)
    for name, members in (("one", [0, 1]), ("two", [1])):
        result = train(program, tmp_path / "training.fits", tmp_path / name, members)
        assert result.returncode == 0, result.stderr
    first, second = weights.read_ensemble(tmp_path / "one" / "team.h5")
    (alone,) = weights.read_ensemble(tmp_path / "two" / "team.h5")
    assert same(second, alone)
    assert not same(first, second)


def test_one_process_a_device(program, examples, tmp_path):
    """Without GPUs behind the names the members still train, each told its own device."""
    write_set(tmp_path / "training.fits", examples)
    result = train(
        program,
        tmp_path / "training.fits",
        tmp_path,
        [0, 1, 2],
        CUDA_VISIBLE_DEVICES="0,1",
        QUASARNET_AL_TRAIN_ON_CPU="yes",
    )
    assert result.returncode == 0, result.stderr
    assert "member-00: on device 0" in result.stdout
    assert "member-01: on device 1" in result.stdout
    alone = train(program, tmp_path / "training.fits", tmp_path / "alone", [2])
    assert alone.returncode == 0, alone.stderr
    team = weights.read_ensemble(tmp_path / "team.h5")
    assert same(team[2], weights.read_ensemble(tmp_path / "alone" / "team.h5")[0])


def test_groups_train_at_once_and_the_last_is_what_is_left(program, examples, tmp_path):
    """Each on a device of its own; a group that was interrupted is trained as a group again."""
    write_set(tmp_path / "training.fits", examples)
    devices = {"CUDA_VISIBLE_DEVICES": "0,1", "QUASARNET_AL_TRAIN_ON_CPU": "yes"}
    training_set, members = tmp_path / "training.fits", [0, 1, 2]
    one = train(program, training_set, tmp_path, members, at_once=2, **devices)
    assert one.returncode == 0, one.stderr
    assert "member-00, member-01: on device 0" in one.stdout
    assert "member-02: on device 1" in one.stdout
    alone = train(program, training_set, tmp_path / "alone", members)
    assert alone.returncode == 0, alone.stderr
    team, expected = (
        weights.read_ensemble(path / "team.h5") for path in (tmp_path, tmp_path / "alone")
    )
    assert same(team[2], expected[2])
    for network, other in zip(team[:2], expected[:2], strict=True):
        np.testing.assert_allclose(
            outputs(network, examples[0]), outputs(other, examples[0]), atol=1e-3
        )
    assert not same(team[0], team[1])
    # A group's work is not gone on with by another group.
    (tmp_path / "work" / "member-00.npz").write_bytes(b"damaged")
    first = train(program, training_set, tmp_path, members, at_once=2)
    assert first.returncode == 1
    assert "member-00, member-01 failed" in first.stderr
    other = train(program, training_set, tmp_path, members, at_once=3)
    assert other.returncode == 0, other.stderr
    assert "member-02 epoch 1/2" in other.stdout


def test_a_failing_member_is_named_and_the_others_are_kept(program, examples, tmp_path):
    write_set(tmp_path / "training.fits", examples)
    (tmp_path / "work").mkdir()
    (tmp_path / "work" / "member-01.npz").write_bytes(b"damaged")
    result = train(program, tmp_path / "training.fits", tmp_path, [0, 1, 2])
    assert result.returncode == 1, (result.returncode, result.stderr)
    assert "member-01 failed" in result.stderr
    assert not (tmp_path / "team.h5").exists()
    (tmp_path / "work" / "member-01.npz").unlink()
    again = train(program, tmp_path / "training.fits", tmp_path, [0, 1, 2])
    assert again.returncode == 0, (again.returncode, again.stderr)
    assert "member-00 epoch" not in again.stdout
    assert len(weights.read_ensemble(tmp_path / "team.h5")) == 3


def test_work_on_another_set_is_not_gone_on_with(program, examples, tmp_path):
    write_set(tmp_path / "training.fits", examples)
    (tmp_path / "work").mkdir()
    (tmp_path / "work" / "member-00.npz").write_bytes(b"damaged")
    (tmp_path / "work" / "member-00.key").write_text("of another set")
    # As a process leaves it that is killed while it writes.
    dead = f".member-00.npz.0.{files._host()}.{2**22 + 1}.partial"
    (tmp_path / "work" / dead).touch()
    result = train(program, tmp_path / "training.fits", tmp_path, [0])
    assert result.returncode == 0, result.stderr
    assert not [*(tmp_path / "work").iterdir()]
