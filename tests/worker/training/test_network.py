import pytest

torch = pytest.importorskip("torch", reason="needs the extra train")

from worker.training.network import SegmentationNetwork  # noqa: E402

pytestmark = pytest.mark.train


@pytest.mark.parametrize(("rows", "columns"), [(32, 48), (16, 16)])
def test_network_keeps_rows_and_columns(rows, columns):
    network = SegmentationNetwork((8, 16, 16, 16, 16))
    assert network(torch.zeros(2, 9, rows, columns)).shape == (2, 4, rows, columns)


def test_network_answers_alike_alone_and_in_a_batch():
    torch.manual_seed(0)
    network = SegmentationNetwork((8, 16, 16)).eval()
    images = torch.rand(3, 9, 32, 32)
    with torch.inference_mode():
        together, alone = network(images)[1], network(images[1:2])[0]
    assert torch.allclose(together, alone, atol=1e-5)
