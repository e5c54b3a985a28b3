"""Students: parameter counts of the paper, and the same answer however a batch is padded."""

from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from data.errors import PotstillError
from data.tasks.task import Task
from student_train.batch import Inputs
from student_train.models.encoders.encoder import open_to_teach
from student_train.models.encoders.hugging_face import Transformer, encoder_shape
from student_train.models.networks.bilstm import BiLSTM, BiLSTMShape, LastStates, SiameseBiLSTM, flip_index
from student_train.models.shape import Shape
from student_train.models.table import MODELS, Sources, build_model, choose_model, count_parameters, start_model

PAPER = BiLSTMShape("bilstm", vocabulary=20, dimensions=300, hidden=150, dense=200, classes=2)
TINY = BiLSTMShape("bilstm", vocabulary=12, dimensions=5, hidden=4, dense=6, classes=3, dropout=0.0)
ONE = Task("classify", ("a", "b"))
TWO = Task("classify", ("a", "b"), pair=True)


def tiny(model: str = "bilstm", **changes: Any) -> Any:
    torch.manual_seed(0)
    return build_model(BiLSTMShape(**(vars(TINY) | {"model": model} | changes))).eval()


def texts(*rows: list[int]) -> tuple[Tensor, Tensor]:
    longest = max(len(row) for row in rows)
    ids = torch.tensor([row + [0] * (longest - len(row)) for row in rows])
    return ids, torch.tensor([len(row) for row in rows])


def one(*rows: list[int]) -> Inputs:
    ids, lengths = texts(*rows)
    return Inputs((ids,), (lengths,))


def test_the_paper_s_student_has_the_paper_s_parameters() -> None:
    assert count_parameters(build_model(PAPER)) == (603_002, 20 * 300)


def test_a_multichannel_input_makes_it_963_002() -> None:
    body, table = count_parameters(build_model(BiLSTMShape(**(vars(PAPER) | {"multichannel": True}))))
    assert body == 963_002
    assert table == 2 * 20 * 300  # the static copy is counted, though it does not train


def test_the_siamese_student_differs_in_its_dense_layer_alone() -> None:
    body, _ = count_parameters(build_model(BiLSTMShape(**(vars(PAPER) | {"model": "siamese_bilstm"}))))
    assert body == 603_002 + (8 - 2) * 150 * 200


def packed_states(encoder: LastStates, words: Tensor, lengths: Tensor) -> Tensor:
    """The same weights in torch's own bidirectional LSTM, on a packed sequence: [B, 2H]."""
    reference = nn.LSTM(words.shape[-1], encoder.forwards.hidden_size, batch_first=True, bidirectional=True)
    for ours, suffix in ((encoder.forwards, ""), (encoder.backwards, "_reverse")):
        for name, weight in ours.named_parameters():
            getattr(reference, name + suffix).data.copy_(weight.data)
    packed = nn.utils.rnn.pack_padded_sequence(words, lengths, batch_first=True, enforce_sorted=False)
    _, (last, _) = reference(packed)  # [2, B, H]
    return torch.cat([last[0], last[1]], dim=-1)


@pytest.mark.parametrize("lengths", [[7, 1, 4, 2, 7, 3], [5, 5, 5], [1], [1, 9]])
def test_last_states_equal_a_packed_bidirectional_lstm(lengths: list[int]) -> None:
    torch.manual_seed(1)
    encoder, size = LastStates(6, 5), torch.tensor(lengths)
    words = torch.randn(len(lengths), max(lengths), 6)
    got, wanted = encoder(words, size), packed_states(encoder, words, size)
    torch.testing.assert_close(got[:, :5], wanted[:, :5], rtol=1e-5, atol=1e-5)  # forward
    torch.testing.assert_close(got[:, 5:], wanted[:, 5:], rtol=1e-5, atol=1e-5)  # backward


def test_what_stands_in_the_padding_does_not_matter() -> None:
    torch.manual_seed(2)
    encoder, lengths = LastStates(6, 5), torch.tensor([4, 2, 3])
    words = torch.randn(3, 6, 6)
    other = words.clone()
    for row, length in enumerate(lengths.tolist()):
        other[row, length:] = 1e3 * torch.randn(6 - length, 6)
    torch.testing.assert_close(encoder(words, lengths), encoder(other, lengths), rtol=0, atol=1e-6)


def test_the_gradient_reaches_no_padding() -> None:
    torch.manual_seed(2)
    words = torch.randn(2, 4, 6, requires_grad=True)
    LastStates(6, 5)(words, torch.tensor([4, 2])).sum().backward()
    assert words.grad is not None
    assert words.grad[1, 2:].abs().max() == 0
    assert (words.grad[1, :2].abs().sum(-1) > 0).all()


def test_a_batch_of_one_length_takes_a_shorter_way_to_the_same_states() -> None:
    torch.manual_seed(3)
    encoder, words, lengths = LastStates(6, 5), torch.randn(4, 3, 6), torch.tensor([3, 3, 3, 3])
    quick = encoder(words, lengths)
    padded = torch.cat([words, torch.randn(4, 2, 6)], dim=1)  # no row fills this batch: the ragged way
    torch.testing.assert_close(quick, encoder(padded, lengths), rtol=0, atol=1e-6)


def test_rows_are_flipped_inside_their_length() -> None:
    assert flip_index(torch.tensor([3, 1, 4]), 4).tolist() == [[2, 1, 0, 3], [0, 1, 2, 3], [3, 2, 1, 0]]


@pytest.mark.parametrize("name", ["bilstm", "siamese_bilstm"])
def test_a_text_gets_the_same_logits_alone_and_among_longer_ones(name: str) -> None:
    model, short, long = tiny(name), [3, 4], [5, 6, 7, 8, 9]
    (sides,) = MODELS[name].texts
    alone = model(Inputs((texts(short)[0],) * sides, (texts(short)[1],) * sides)).logits[0]
    ids, lengths = texts(long, short)
    among = model(Inputs((ids,) * sides, (lengths,) * sides)).logits[1]
    torch.testing.assert_close(alone, among, rtol=0, atol=1e-6)


def test_the_paper_s_layers_by_hand() -> None:
    model, inputs = tiny(), one([3, 4, 5])
    state = model.encoder(model.embedding.tuned.weight[inputs.ids[0]], inputs.lengths[0])
    hidden = torch.clamp(state @ model.dense.weight.T + model.dense.bias, min=0)
    wanted = hidden @ model.head.weight.T + model.head.bias
    torch.testing.assert_close(model(inputs).logits, wanted)


def siamese(model: SiameseBiLSTM, first: list[int], second: list[int]) -> Tensor:
    """The input of the dense layer, [8H], as the model makes it."""
    seen: list[Tensor] = []
    hook = model.dense.register_forward_pre_hook(lambda module, args: seen.append(args[0][0]))
    (a, m), (b, n) = texts(first), texts(second)
    model(Inputs((a, b), (m, n)))
    hook.remove()
    return seen[0]


def test_a_pair_is_compared_by_both_states_their_product_and_distance() -> None:
    model = tiny("siamese_bilstm")
    h1, h2 = (model.encode(*texts(row))[0] for row in ([3, 4], [5, 6, 7]))
    wanted = torch.cat([h1, h2, h1 * h2, (h1 - h2).abs()])
    torch.testing.assert_close(siamese(model, [3, 4], [5, 6, 7]), wanted)


def test_product_and_distance_do_not_care_which_text_comes_first() -> None:
    model = tiny("siamese_bilstm")
    there, back = siamese(model, [3, 4], [5, 6, 7]), siamese(model, [5, 6, 7], [3, 4])
    torch.testing.assert_close(there[16:], back[16:])  # 8H = 32: products and distances are the second half
    torch.testing.assert_close(there[:8], back[8:16])


def test_a_text_beside_itself_has_no_distance() -> None:
    features = siamese(tiny("siamese_bilstm"), [3, 4], [3, 4])
    assert features[24:].abs().max() == 0


def test_the_static_channel_starts_equal_and_does_not_train() -> None:
    model = tiny(multichannel=True)
    table = torch.randn(12, 5)
    model.embedding.fill(table)
    assert torch.equal(model.embedding.static, table)
    assert torch.equal(model.embedding.tuned.weight, table)
    assert model.embedding(torch.tensor([[3]])).tolist() == [[table[3].tolist() * 2]]
    assert "embedding.static" not in dict(model.named_parameters())
    model(one([3, 4])).logits.sum().backward()
    torch.optim.SGD(model.parameters(), lr=1.0).step()
    assert torch.equal(model.embedding.static, table)
    assert not torch.equal(model.embedding.tuned.weight[3], table[3])


def test_the_tuned_table_s_gradient_holds_only_the_words_met() -> None:
    model = tiny()
    model(one([3, 4], [5])).logits.sum().backward()
    gradient = model.embedding.tuned.weight.grad
    assert gradient.is_sparse
    assert set(gradient.coalesce().indices()[0].tolist()) <= {0, 3, 4, 5}


def test_dropout_works_while_training_and_not_after() -> None:
    model = tiny(dropout=0.5)
    inputs = one([3, 4, 5])
    assert torch.equal(model(inputs).logits, model(inputs).logits)
    model.train()
    torch.manual_seed(0)
    assert not torch.equal(model(inputs).logits, model(inputs).logits)


def test_auto_takes_the_student_that_reads_as_many_texts() -> None:
    assert choose_model("auto", ONE) == "bilstm"
    assert choose_model("auto", TWO) == "siamese_bilstm"
    assert choose_model("bilstm", ONE) == "bilstm"


def test_students_that_do_not_fit_are_refused_with_those_that_do() -> None:
    with pytest.raises(PotstillError, match=r"no student 'gru'(?s:.)*bilstm, siamese_bilstm"):
        choose_model("gru", ONE)
    with pytest.raises(PotstillError, match=r"bilstm reads 1 text\(s\), the task's rows have 2(?s:.)*: siamese_bilstm"):
        choose_model("bilstm", TWO)
    with pytest.raises(PotstillError, match=r"siamese_bilstm reads 2 text\(s\)"):
        choose_model("siamese_bilstm", ONE)
    with pytest.raises(PotstillError, match="no student 'gru'"):
        build_model(Shape("gru", 1, 1, 1))


def test_every_student_bears_its_name_in_the_table() -> None:
    built = {"bilstm": BiLSTM, "siamese_bilstm": SiameseBiLSTM, "hugging_face": open_to_teach}
    assert {name: MODELS[name].build for name in built} == built


def test_a_start_depends_on_the_seed_alone_and_leaves_torch_as_it_was() -> None:
    table = torch.randn(12, 5)
    before = torch.get_rng_state()
    models = [start_model(TINY, Sources(table), seed=seed) for seed in (3, 3, 4)]
    assert torch.equal(torch.get_rng_state(), before)
    same, again, other = ({name: weight.sum().item() for name, weight in m.named_parameters()} for m in models)
    assert same == again and same["head.weight"] != other["head.weight"]
    assert all(torch.equal(model.embedding.tuned.weight, table) for model in models)  # type: ignore[union-attr]


def test_a_network_that_brings_its_own_rows_is_no_student_of_a_cache() -> None:
    with pytest.raises(PotstillError, match=r"hugging_face reads texts cut into joint, not subwords") as caught:
        choose_model("hugging_face", ONE)
    assert caught.value.hint == "students that fit: bilstm, bigru, bi_attention, conv, dan, bag, wide, transformer"


def test_an_encoder_to_be_fine_tuned_is_a_row_like_the_others(save_bert: Any, tmp_path: Path) -> None:
    old, task = Task("classify", ("sad", "glad")), Task("classify", ("a", "b", "c"))
    path = save_bert(tmp_path / "bert", old)
    shape = encoder_shape(task, str(path), longest=64)
    first, same, other = (start_model(shape, Sources(), seed=seed) for seed in (0, 0, 1))
    assert isinstance(first, Transformer) and first.feed.backend is not None and first.tokenizer.is_fast
    assert first.notes == (f"{path} has the classes sad, glad: a fresh head for a, b, c",)
    weights = [dict(model.named_parameters()) for model in (first, same, other)]
    assert all(torch.equal(weights[0][name], weights[1][name]) for name in weights[0])
    changed = {name for name in weights[0] if not torch.equal(weights[0][name], weights[2][name])}
    assert changed and all(name.startswith("model.classifier.") for name in changed)
