"""Ten malformed variants of a file of each of the field's formats, and what is said; ``None``: it is read right."""

import io
import json
import re
from collections.abc import Callable
from typing import Any

import pyarrow as pa
from field_samples import (
    BENTO,
    CVAT,
    ELAN,
    ETHOVISION,
    ETHOVISION_LOG,
    LABEL_STUDIO,
    MABE,
    OBSERVER,
    SIMBA,
    VIA,
    scores,
)
from field_samples import parquet as parquet_of
from pyarrow import parquet

Variant = tuple[bytes, str | None]


def _with(text: str, old: str, new: str, count: int = 1) -> bytes:
    assert old in text, old
    return text.replace(old, new, count).encode()


def _json(text: str, change: Callable[[Any], object]) -> bytes:
    content = json.loads(text)
    change(content)
    return json.dumps(content, indent=1).encode()


def _mabe(**changes: list[Any] | None) -> bytes:
    return parquet_of({name: values for name, values in {**MABE, **changes}.items() if values is not None})


def _long_parquet() -> bytes:
    buffer = io.BytesIO()
    parquet.write_table(pa.table({"action": ["a"], "start_frame": [0], "stop_frame": [1], "agent": [1]}), buffer)
    return buffer.getvalue()


def _hdf5_mat() -> bytes:
    return b"MATLAB 7.3 MAT-file, Platform: GLNXA64" + b" " * 474 + b"\x89HDF\r\n\x1a\n"


VARIANTS: dict[str, dict[str, Variant]] = {
    "simba": {
        "BOM": (b"\xef\xbb\xbf" + SIMBA.encode(), None),
        "CRLF": (SIMBA.replace("\n", "\r\n").encode(), None),
        "wrong delimiter": (SIMBA.replace(",", ";").encode(), r"line 1: cannot tell the format"),
        "neither 0 nor 1": (
            _with(SIMBA, "1.06,7.7,0,1,1", "1.06,7.7,0,1,2"),
            r"column 'Sniffing': the last column is none of a behaviour: it holds other than 0 and 1 \(such as '2'",
        ),
        "cell missing": (_with(SIMBA, ",7.7,0,1,1", ",7.7,0,1"), r"line 4: has 10 cells where the header has 11"),
        "row missing": (_with(SIMBA, "\n1,1.6", "\n4,1.6"), r"line 3: is frame '4' where frame 1 should be"),
        "no rows": (SIMBA.splitlines()[0].encode(), r"line 1: there is no frame below the header"),
        "no targets": (
            "\n".join(",".join(row.split(",")[:9]) for row in SIMBA.splitlines()).encode(),
            r"the last column is none of a behaviour",
        ),
        "name twice": (
            _with(SIMBA, "Sniffing", "Attack"),
            r"line 1: each behaviour needs a column with a name of its own",
        ),
        "open quote": (_with(SIMBA, "\n2,1.7", '\n"2,1.7'), r"line 4: cannot be split into columns"),
        "no animal": (
            _with(SIMBA, "_p,Tail", "_likelihood,Tail").replace(b"Nose_1_p", b"N"),
            r"cannot tell the format",
        ),
    },
    "bento": {
        "BOM": (b"\xef\xbb\xbf" + BENTO.encode(), None),
        "CRLF": (BENTO.replace("\n", "\r\n").encode(), None),
        "no first line": (_with(BENTO, "Bento annotation file\n", ""), r"line 1: cannot tell the format"),
        "no rate": (
            _with(BENTO, "framerate: 10.000000", "framerate: fast"),
            r"line 7, column 'Annotation framerate': 'fast'",
        ),
        "unknown behaviour": (
            _with(BENTO, ">attack", ">atack"),
            r"line 19, column 'behaviour': 'atack' is not in the list of annotations",
        ),
        "unknown channel": (
            _with(BENTO, "Ch2----------", "Ch3----------"),
            r"line 27, column 'channel': 'Ch3' is none of the channels of the list",
        ),
        "no number": (_with(BENTO, "0.8\t0.8", "0.8\tlate"), r"line 22, column 'Stop': 'late' is not a number"),
        "negative": (
            _with(BENTO, "0.2\t0.4", "-0.2\t0.4"),
            r"line 21, column 'Start': from -0.2 to 0.4 s is no part of",
        ),
        "wrong way round": (_with(BENTO, "0.5\t1\t", "0.9\t0.1\t"), r"line 30, column 'Stop': stops before frame 2"),
        "cut off": (_with(BENTO, "0.2\t0.4\t0.3", "0.2"), r"line 21: has 1 numbers where start, stop and duration"),
        "no channels": (
            _with(BENTO, "List of channels:\nCh1\nCh2\n", ""),
            r"line 15, column 'channel': 'Ch1' is none of the channels",
        ),
        "twice": (_with(BENTO, "mount\nrear", "mount\nmount"), r"line 16: 'mount' stands twice in the list"),
    },
    "observer": {
        "BOM": (b"\xef\xbb\xbf" + OBSERVER.encode(), None),
        "CRLF": (OBSERVER.replace("\n", "\r\n").encode(), None),
        "UTF-16": (OBSERVER.encode("utf-16"), None),
        "semicolons and decimal commas": (
            OBSERVER.replace(",", ";").replace(";0.5;1.5;", ";0,5;1,5;").encode(),
            None,
        ),
        "times of the clock": (
            "\n".join(
                ",".join(cell for place, cell in enumerate(row.split(",")) if place != 0)
                for row in OBSERVER.replace("Time_Relative_sf", "Time_Relative_hmsf")
                .replace(",0.5,1.5", ",00:00:00.500,1.5")
                .replace(",1,0.5", ",0:00:01,0.5")
                .replace(",1.5,0", ",0:00:01.5,0")
                .replace(",2,0", ",0:00:02,0")
                .replace(",1,1,", ",0:00:01,1,")
                .splitlines()
            ).encode(),
            None,
        ),
        "no type": (_with(OBSERVER, "Event_Type", "Kind"), r"line 1: cannot tell the format"),
        "unknown type": (
            _with(OBSERVER, "Rear,,State start", "Rear,,Begin"),
            r"line 3, column 'Event_Type': 'Begin' is none of State start, State stop and Point",
        ),
        "never stops": (
            _with(OBSERVER, "Groom,paw,State stop", "Groom,paw,Point"),
            r"line 2, column 'Time_Relative_sf': 'Groom' starts at 0.5 s and never stops",
        ),
        "stops unstarted": (
            _with(OBSERVER, "Rear,,State start", "Rear,,Point"),
            r"line 4, column 'Time_Relative_sf': 'Rear' stops at 1.5 s and had not started",
        ),
        "starts twice": (
            _with(OBSERVER, "rat B,Rear,,State stop", "rat B,Rear,,State start"),
            r"line 4, .*'Rear' starts at 1.5 s and has not stopped since its start in line 3",
        ),
        "before the start": (
            _with(OBSERVER, "0:00:00,0.5,", "0:00:00,-0.5,"),
            r"line 5, column 'Time_Relative_sf': -0.5 is not a time in seconds",
        ),
        "no number": (_with(OBSERVER, ",0.5,1.5,", ",soon,1.5,"), r"line 2, .*'soon' is not a number of seconds"),
        "no rows": (OBSERVER.splitlines()[0].encode(), r"line 1: there is no event below the header"),
        "no observation": (_with(OBSERVER, ",day 2,", ",,"), r"line 6, column 'Observation': names no observation"),
    },
    "ethovision": {
        "UTF-8": (ETHOVISION.encode(), None),
        "CRLF": (ETHOVISION.replace("\n", "\r\n").encode("utf-16"), None),
        "log": (ETHOVISION_LOG.replace("Subject 1;", ";").encode(), None),
        "no count": (_with(ETHOVISION, '"13"', '"many"'), r"line 1: cannot tell the format"),
        "wrong count": (_with(ETHOVISION, '"13"', '"12"'), r"line 1: cannot tell the format"),
        "no video": (_with(ETHOVISION, "D:\\lab\\rats 1,2.MP4", ""), r"line 9, column 'Video file': names no video"),
        "no clock": (
            _with(ETHOVISION, "03/15/2021 13:54:03.000", "soon"),
            r"line 10, column 'video start time': 'soon' is not a time of the clock",
        ),
        "trial before the video": (
            _with(ETHOVISION, "13:54:05.500", "13:53:05.500"),
            r"line 6, column 'Start time': the trial starts -57.5 s after the video",
        ),
        "neither 0 nor 1": (
            _with(ETHOVISION, "-18,8;1;1;0;1", "-18,8;1;2;0;1"),
            r"line 15, column 'Walking\(Exclusive\)': '2' is none of 0, 1 and -",
        ),
        "out of order": (_with(ETHOVISION, "0.2;0.2", "0.1;0.1"), r"line 16, column 'Trial time': 0.1 s is not after"),
        "no number": (_with(ETHOVISION, "0.3;0.3", "-;0.3"), r"line 17, column 'Trial time': '-' is not a number"),
        "no rows": ("\n".join(ETHOVISION.splitlines()[:13]).encode(), r"there is no sample below the header"),
        "log: unknown event": (
            _with(ETHOVISION_LOG, "Walking;state stop", "Walking;end"),
            r"line 15, column 'Event': 'end' is none of state start, state stop and point event",
        ),
        "log: never stops": (
            _with(ETHOVISION_LOG, "Rearing;state stop", "Rearing;point event"),
            r"line 16, column 'Recording time': 'Rearing' starts at 2.7 s and never stops",
        ),
        "cut off": (b"\xff\xfe" + ETHOVISION.encode("utf-16-le")[:-1], r"begins as UTF-16 text and is none"),
    },
    "elan": {
        "BOM": (b"\xef\xbb\xbf" + ELAN.encode(), None),
        "CRLF": (ELAN.replace("\n", "\r\n").encode(), None),
        "not closed": (_with(ELAN, "</ANNOTATION_DOCUMENT>", ""), r"line \d+: is not XML: no element found"),
        "entities": (
            _with(ELAN, "<ANNOTATION_DOCUMENT", '<!DOCTYPE a [<!ENTITY b "c">]>\n<ANNOTATION_DOCUMENT'),
            r"line 2: declares a document type",
        ),
        "slot missing": (
            _with(ELAN, 'TIME_SLOT_REF2="ts2"', 'TIME_SLOT_REF2="ts9"'),
            r"line 16, column 'TIME_SLOT_REF2': there is no time slot 'ts9'",
        ),
        "slot without time": (
            _with(ELAN, 'TIME_SLOT_REF2="ts3"', 'TIME_SLOT_REF2="ts4"'),
            r"line 23, column 'TIME_SLOT_REF2': the time slot 'ts4' has no time, and no neigh",
        ),
        "slot twice": (
            _with(ELAN, 'ID="ts3"', 'ID="ts2"'),
            r"line 11, column 'TIME_SLOT_ID': the time slot 'ts2' stands",
        ),
        "no number": (
            _with(ELAN, '"1500"', '"1.5 s"'),
            r"line 11, column 'TIME_VALUE': '1.5 s' is not a number of mill",
        ),
        "wrong way round": (
            _with(ELAN, 'REF1="ts1" TIME_SLOT_REF2="ts2"', 'REF1="ts3" TIME_SLOT_REF2="ts2"'),
            r"line 16, column 'TIME_SLOT_REF2': stops at 1.5 s, before it starts at 2.5 s",
        ),
        "other unit": (
            _with(ELAN, '"milliseconds"', '"PAL-frames"'),
            r"line 3: counts time in PAL-frames, not in mill",
        ),
        "before the media": (_with(ELAN, '"1000"', '"-1000"'), r"line 16, column 'TIME_SLOT_REF1': -1 is not a time"),
        "reference missing": (_with(ELAN, ' TIME_SLOT_REF1="ts1"', ""), r"line 16, .*<ALIGNABLE_ANNOTATION> has no"),
        "tier twice": (_with(ELAN, 'TIER_ID="walk"', 'TIER_ID="head"'), r"line 21, .*: the tier 'head' stands twice"),
        "no tier": (ELAN.replace("TIER ", "LAYER ").replace("TIER>", "LAYER>").encode(), r"line 2: holds no tier"),
    },
    "mabe": {
        "frames as floats": (_mabe(start_frame=[0.0, 5.0, 10.0]), None),
        "agents as text": (_mabe(agent_id=["mouse1", "mouse2", "mouse1"]), None),
        "cut off": (parquet_of(MABE)[:-40], r"is Parquet that cannot be read"),
        "no bytes": (b"PAR1", r"is Parquet that cannot be read"),
        "column missing": (_mabe(target_id=None), r"column 'target_id': has no such column"),
        "another table": (_long_parquet(), r"column 'agent_id': has no such column; there are action"),
        "half a frame": (_mabe(start_frame=[0.5, 5, 10]), r"line 1, column 'start_frame': 0.5 is not the number of a"),
        "negative": (_mabe(start_frame=[0, -5, 10]), r"line 2, column 'start_frame': -5 is not the number of a frame"),
        "nothing": (
            _mabe(stop_frame=[10, None, 20]),
            r"line 2, column 'stop_frame': None is not the number of a frame",
        ),
        "wrong way round": (_mabe(stop_frame=[10, 15, 9]), r"line 3, column 'stop_frame': stops before frame 9"),
        "no action": (_mabe(action=["attack", "", "sniff"]), r"line 2, column 'action': '' is no name"),
        "no agent": (_mabe(agent_id=[1, None, 1]), r"line 2, column 'agent_id': nan names no animal|None names no"),
        "no rows": (_mabe(**{name: [] for name in MABE}), r"column 'action'|holds no row"),
    },
    "jaaba": {
        "behaviour in the name": (scores(name=None), None),
        "scores alone": (scores(change=lambda content: content.pop("postprocessed")), None),
        "0 before the first frame": (scores([[0, 1, 1, 0, 0], [0, 0, 1, 1]]), None),
        "cut off": (scores()[:300], r"cannot be read as a file of MATLAB"),
        "head alone": (scores()[:128], r"holds no allScores|cannot be read as a file of MATLAB"),
        "version 7.3": (_hdf5_mat(), r"is of MATLAB's level 7.3; load it there, and save it with the option"),
        "other numbers": (
            scores([[0, 1, 1, 0, 0], [0, 0, 3, 1]]),
            r"column 'allScores.postprocessed\{2\}': holds other than 0, 1 and NaN",
        ),
        "no numbers": (
            scores([[0, 1, 1, 0, 0], ["a"]]),
            r"column 'allScores.postprocessed\{2\}': holds other than numb",
        ),
        "no animal": (
            scores(change=lambda content: [content.pop("postprocessed"), content.pop("scores")]),
            r"column 'allScores': holds no scores of any animal",
        ),
        "another file": (scores().replace(b"allScores", b"perframes"), r"column 'allScores': holds no allScores"),
        "no text": (b"MATLAB 5.0 MAT-file" + b"\0" * 400, r"cannot be read as a file of MATLAB"),
    },
    "via3": {
        "BOM": (b"\xef\xbb\xbf" + VIA.encode(), None),
        "one line": (json.dumps(json.loads(VIA)).encode(), None),
        "not closed": (VIA.encode()[:-3], r"line \d+: is not JSON"),
        "part missing": (_with(VIA, '"view"', '"views"'), r"line 1: cannot tell the format"),
        "parts of another kind": (
            _json(VIA, lambda c: c.update(view=[])),
            r"column 'view': expected \{id: …\}, got \[\]",
        ),
        "wrong way round": (
            _with(VIA, "0.5,\n    1.5", "1.75,\n    1.5"),
            r"line \d+, column 'z': stops at 1.5 s, before it starts at 1.75 s",
        ),
        "no number": (
            _with(VIA, "0.5,\n    1.5", '"0.5",\n    1.5'),
            r"column 'z': \['0.5', 1.5\] is no list of seconds",
        ),
        "negative": (_with(VIA, "0.5,\n    1.5", "-0.5,\n    1.5"), r"line \d+, column 'z': -0.5 is not a time in sec"),
        "three times": (_with(VIA, "0.5,\n    1.5", "0.5, 1,\n    1.5"), r"column 'z': has 3 times"),
        "attribute missing": (
            _with(VIA, '"1": "1",', '"9": "1",'),
            r"line \d+, column 'av': there is no attribute '9'",
        ),
        "view missing": (
            _json(VIA, lambda c: c["metadata"]["1_aaaaaaaa"].update(vid="7")),
            r"line \d+, column 'vid': there is no view '7'",
        ),
        "file missing": (_json(VIA, lambda c: c["file"].pop("1")), r"column 'fid_list': there is no file '1'"),
        "no video": (_json(VIA, lambda c: c["file"]["1"].update(type=2)), r"column 'file': holds no video"),
        "key twice": (_with(VIA, '"1_bbbbbbbb"', '"1_aaaaaaaa"'), r"line \d+: '1_aaaaaaaa' stands twice"),
    },
    "cvat": {
        "BOM": (b"\xef\xbb\xbf" + CVAT.encode(), None),
        "CRLF": (CVAT.replace("\n", "\r\n").encode(), None),
        "not closed": (_with(CVAT, "</annotations>", ""), r"line \d+: is not XML"),
        "entities": (
            _with(CVAT, "<annotations>", '<!DOCTYPE a [<!ENTITY b "c">]><annotations>'),
            r"line 2: declares a",
        ),
        "no frame": (
            _with(CVAT, 'frame="5"', 'frame="five"'),
            r"line 9, column 'frame': 'five' is not the number of a f",
        ),
        "frame twice": (_with(CVAT, 'frame="5"', 'frame="0"'), r"line 9, .*the track has two boxes in frame 0|line 8"),
        "outside": (
            _with(CVAT, 'outside="1"', 'outside="yes"'),
            r"line 14, column 'outside': 'yes' is neither 0 nor 1",
        ),
        "no id": (_with(CVAT, ' id="1" label', " label"), r"line 12, column 'id': <track> has no 'id'"),
        "nothing changes": (
            CVAT.replace("True", "False").encode(),
            r"holds no behaviour: it has 2 tracks, and no attribute of one that changes",
        ),
        "no tracks": (
            ("\n".join(CVAT.splitlines()[:6]) + "</annotations>").encode(),
            r"holds no behaviour: it has neither tracks nor images",
        ),
        "images with boxes": (
            re.sub("(?s)<track.*</track>", '<image id="0" name="a.png"><box label="cow"/></image>', CVAT).encode(),
            r"holds no behaviour: it has 1 image without a tag, and no track.* as 'CVAT for video 1.1'",
        ),
        "stop frame": (
            _with(CVAT, "<stop_frame>19", "<stop_frame>all"),
            r"line 4, column 'stop_frame': 'all' is not the",
        ),
        "two tasks": (
            _with(CVAT, "<meta><task>", "<meta><task><id>0</id></task><task>"),
            r"line 4: holds 2 tasks; export each by itself",
        ),
    },
    "label-studio": {
        "BOM": (b"\xef\xbb\xbf" + LABEL_STUDIO.encode(), None),
        "one task alone": (json.dumps(json.loads(LABEL_STUDIO)[0]).encode(), None),
        "not closed": (LABEL_STUDIO.encode()[:-3], r"line \d+: is not JSON"),
        "no rate": (
            _json(LABEL_STUDIO, lambda c: c[0]["data"].pop("fps")),
            r"column 'data': task \[0\]: frames are counted by the framerate of Label Studio's <Video> tag",
        ),
        "rate of no kind": (
            _with(LABEL_STUDIO, '"fps": 10', '"fps": "fast"'),
            r"column 'fps': task \[0\]: 'fast' is not",
        ),
        "frame 0": (
            _with(LABEL_STUDIO, '"start": 1,', '"start": 0,'),
            r"column 'start': task \[0\].annotations\[0\].result\[0\]: 0 is not the number of a frame, from 1",
        ),
        "wrong way round": (
            _with(LABEL_STUDIO, '"end": 15', '"end": 4'),
            r"column 'end': .*result\[1\]: stops before fr",
        ),
        "no frame": (_with(LABEL_STUDIO, '"end": 15', '"end": null'), r"column 'ranges': .*is no range of frames"),
        "no label": (
            _with(LABEL_STUDIO, '"call"', '""'),
            r"column 'timelinelabels': task \[0\].annotations\[0\].result\[1\]: \[''\] is no list of labels",
        ),
        "two opinions": (
            _json(LABEL_STUDIO, lambda c: c[0]["annotations"].append({"completed_by": 2, "result": []})),
            r"column 'annotations': task \[0\]: has 2 annotations \(by 1 and 2\); two opinions are not made one",
        ),
        "no video": (_with(LABEL_STUDIO, '"/data/upload/3/5f9e1c2b-monday.mp4"', "3"), r"task \[0\]: names no video"),
        "task twice": (
            _json(LABEL_STUDIO, lambda c: c.append(c[0])),
            r"column 'data': task \[1\]: is of monday.mp4, as is \[0\]; keep one",
        ),
        "JSON-MIN": (
            json.dumps([{"video": "a.mp4", "tl": [{"ranges": [], "timelinelabels": ["feed"]}]}]).encode(),
            r"column 'data': task \[0\]: expected .*; export as JSON, not as JSON-MIN",
        ),
        "boxes alone": (
            LABEL_STUDIO.replace("timelinelabels", "rectanglelabels").encode(),
            r"column 'timelinelabels': holds no labels on a timeline",
        ),
        "without annotations": (
            _json(LABEL_STUDIO, lambda c: c[0].update(predictions=c[0].pop("annotations"))),
            r"column 'annotations': task \[0\]: has no list of annotations",
        ),
    },
}
