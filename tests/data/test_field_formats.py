"""Files of SimBA, Bento, Observer, EthoVision, ELAN, MABe, JAABA, VIA 3, CVAT and Label Studio: told, read, refused."""

from pathlib import Path

import layouts
import pytest
from field_samples import SAMPLES, Sample
from field_variants import VARIANTS

from amclip.data.formats import FORMATS, read_labels
from amclip.data.formats.label_format import BoutReader, BytesReader, ClipReader
from amclip.data.label_error import LabelError
from amclip.data.table import LabelTable


def put(folder: Path, sample: Sample, data: bytes | None = None) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / sample.file
    path.write_bytes(sample.data if data is None else data)
    return path


def said(table: LabelTable) -> list[tuple[object, ...]]:
    return [
        (clip.video, round(clip.start or 0.0, 6), round(clip.stop or 0.0, 6), clip.labels, clip.subject)
        for clip in table.clips
    ]


@pytest.mark.parametrize("name", SAMPLES)
def test_it_is_read_with_its_animals(tmp_path: Path, name: str) -> None:
    sample = SAMPLES[name]
    table = read_labels(put(tmp_path, sample), subjects="each", **sample.options)
    expected = [(tmp_path.name if video == "FOLDER" else video, *rest) for video, *rest in sample.clips]
    assert said(table) == expected
    assert table.classes == sample.classes


def test_no_format_takes_the_files_of_another() -> None:
    files = {name: sample.data for name, sample in SAMPLES.items()}
    files |= {
        "boris": layouts.BORIS_AGGREGATED.encode(),
        "boris-tabular": layouts.BORIS_TABULAR.encode(),
        "boris-project": layouts.boris_project_text().encode(),
        "deepethogram": layouts.DEEPETHOGRAM.encode(),
        "feral": layouts.feral_text().encode(),
        "table": b"filepath,label\na.mp4,walk\n",
        "list": b"a.mp4 walk\n",
        "frame-list": b"original_vido_id video_id frame_id path labels\nA 0 1 A/1.jpg 0\n",
    }
    for name, data in files.items():
        takers = []
        for form in FORMATS:
            if isinstance(form.reader, BytesReader) and form.reader.matches(data):
                takers.append(form.name)
            if isinstance(form.reader, BoutReader | ClipReader):
                text = data.decode("utf-16" if data[:2] == b"\xff\xfe" else "utf-8-sig", "replace")
                takers += [form.name] if form.reader.matches(text) else []
        assert takers == [name]


@pytest.mark.parametrize("name", VARIANTS)
def test_malformed_variants_are_refused_by_place_or_read_as_the_intact_file(tmp_path: Path, name: str) -> None:
    sample, variants = SAMPLES[name], VARIANTS[name]
    right = read_labels(put(tmp_path, sample), subjects="each", **sample.options)
    assert len(variants) >= 10
    for variant, (data, expected) in variants.items():
        path = put(tmp_path, sample, data)
        assert data != sample.data, variant
        if expected is None:
            table = read_labels(path, subjects="each", **sample.options)
            assert (sorted(table.classes), said(table)) == (sorted(right.classes), said(right)), variant
            continue
        with pytest.raises(LabelError, match=expected) as refused:
            read_labels(path, subjects="each", **sample.options)
        assert str(path) in str(refused.value), variant
        assert len(str(refused.value)) < 700, variant
