"""Small files in the formats of the field's tools, made up after real ones, and what each of them says."""

import io
import json
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from amclip.data.clock import Clock

Said = tuple[str, float, float, tuple[str, ...], str]
"""A clip: video, start, stop, labels, animal."""


@dataclass(frozen=True)
class Sample:
    """A file, and the clips of each animal at 10 frames per second."""

    file: str
    data: bytes
    clips: tuple[Said, ...]
    classes: tuple[str, ...]
    options: dict[str, Any] = field(default_factory=lambda: {"clock": Clock(fps=10)})

    @property
    def text(self) -> str:
        return self.data.decode()


SIMBA = "\n".join(
    [
        ",Nose_1_x,Nose_1_y,Nose_1_p,Tail_1_x,Tail_1_y,Tail_1_p,Distance,Low_prob_detections_0.1,Attack,Sniffing",
        "0,1.5,2,0.9,3,4,1,7.5,0,0,0",
        "1,1.6,2,0.9,3,4,1,7.6,0,1,0",
        "2,1.7,2,0.9,3,4,1.06,7.7,0,1,1",
        "3,1.8,2,0.9,3,4,1,7.8,0,0,0",
        "",
    ]
)
BENTO = """Bento annotation file
Movie file(s):  C:\\videos\\m1.mp4

Stimulus name: male
Annotation start frame: 1
Annotation stop frame: 10
Annotation framerate: 10.000000

List of channels:
Ch1
Ch2

List of annotations:
attack
mount
rear

Ch1----------
>attack
Start\t Stop\t Duration
0.2\t0.4\t0.3
0.8\t0.8\t0.1

>mount
Start\t Stop\t Duration

Ch2----------
>mount
Start\t Stop\t Duration
0.5\t1\t0.6
"""
OBSERVER = """Time_Relative_hms,Time_Relative_sf,Duration_sf,Observation,Log,Subject,Behavior,Modifier_1,Event_Type
0:00:00,0.5,1.5,day 1,Log 1,rat A,Groom,paw,State start
0:00:00,1,0.5,day 1,Log 1,rat B,Rear,,State start
0:00:01,1.5,0,day 1,Log 1,rat B,Rear,,State stop
0:00:02,2,0,day 1,Log 1,rat A,Groom,paw,State stop
0:00:01,1,1,day 2,Log 1,rat A,Rear,,State start
0:00:02,2,0,day 2,Log 1,rat A,Rear,,State stop
"""
ETHOVISION_HEAD = [
    ("Number of header lines:", "13"),
    ("Experiment", "open field"),
    ("Trial name", "Trial     1"),
    ("Arena name", "Arena 1"),
    ("Subject name", "Subject 1"),
    ("Start time", "03/15/2021 13:54:05.500"),
    ("Trial duration", "+ 00:00:00.400"),
    ("Recording after", "+ 00:00:00.000"),
    ("Video file", "D:\\lab\\rats 1,2.MP4"),
    ("Video start time", "03/15/2021 13:54:03.000"),
    (" ", ""),
]
ETHOVISION = "\n".join(
    [
        *(f'"{key}";"{value}"' for key, value in ETHOVISION_HEAD),
        '"Trial time";"Recording time";"X center";"In zone(floor / center-point)";"Walking(Exclusive)";'
        '"Rearing(Exclusive)";"Result 1"',
        '"s";"s";"cm";"";"";"";""',
        "0;0;-18,7;1;1;0;1",
        "0.1;0.1;-18,8;1;1;0;1",
        '0.2;0.2;"-";0;0;1;1',
        '0.3;0.3;"-";0;0;1;1',
        "",
    ]
)
ETHOVISION_LOG = "\n".join(
    [
        *(f'"{key}";"{value}"' for key, value in ETHOVISION_HEAD),
        '"Recording time";"Subject";"Behavior";"Event"',
        '"s";"";"";""',
        "0;Subject 1;Walking;state start",
        "0.2;Subject 1;Walking;state stop",
        "0.2;Subject 1;Rearing;state start",
        "0.4;Subject 1;Rearing;state stop",
        "",
    ]
)
ELAN = """<?xml version="1.0" encoding="UTF-8"?>
<ANNOTATION_DOCUMENT AUTHOR="" DATE="2024-01-01T00:00:00+01:00" FORMAT="3.0" VERSION="3.0">
    <HEADER MEDIA_FILE="" TIME_UNITS="milliseconds">
        <MEDIA_DESCRIPTOR MEDIA_URL="file:///C:/s.wav" MIME_TYPE="audio/x-wav" RELATIVE_MEDIA_URL="./s.wav"/>
        <MEDIA_DESCRIPTOR MEDIA_URL="file:///C:/lab/calf%201.mp4" MIME_TYPE="video/mp4" TIME_ORIGIN="1000"
            RELATIVE_MEDIA_URL="./calf%201.mp4"/>
    </HEADER>
    <TIME_ORDER>
        <TIME_SLOT TIME_SLOT_ID="ts1" TIME_VALUE="0"/>
        <TIME_SLOT TIME_SLOT_ID="ts2" TIME_VALUE="500"/>
        <TIME_SLOT TIME_SLOT_ID="ts3" TIME_VALUE="1500"/>
        <TIME_SLOT TIME_SLOT_ID="ts4"/>
    </TIME_ORDER>
    <TIER LINGUISTIC_TYPE_REF="default-lt" PARTICIPANT="cow" TIER_ID="head">
        <ANNOTATION>
            <ALIGNABLE_ANNOTATION ANNOTATION_ID="a1" TIME_SLOT_REF1="ts1" TIME_SLOT_REF2="ts2">
                <ANNOTATION_VALUE>lick</ANNOTATION_VALUE>
            </ALIGNABLE_ANNOTATION>
        </ANNOTATION>
    </TIER>
    <TIER LINGUISTIC_TYPE_REF="default-lt" PARTICIPANT="calf" TIER_ID="walk">
        <ANNOTATION>
            <ALIGNABLE_ANNOTATION ANNOTATION_ID="a2" TIME_SLOT_REF1="ts2" TIME_SLOT_REF2="ts3">
                <ANNOTATION_VALUE></ANNOTATION_VALUE>
            </ALIGNABLE_ANNOTATION>
        </ANNOTATION>
    </TIER>
    <TIER LINGUISTIC_TYPE_REF="note" PARENT_REF="walk" TIER_ID="notes">
        <ANNOTATION>
            <REF_ANNOTATION ANNOTATION_ID="a3" ANNOTATION_REF="a2">
                <ANNOTATION_VALUE>slowly</ANNOTATION_VALUE>
            </REF_ANNOTATION>
        </ANNOTATION>
    </TIER>
    <LINGUISTIC_TYPE LINGUISTIC_TYPE_ID="default-lt" TIME_ALIGNABLE="true"/>
</ANNOTATION_DOCUMENT>
"""
MABE: dict[str, list[Any]] = {
    "agent_id": [1, 2, 1],
    "target_id": [2, 2, 2],
    "action": ["attack", "rear", "sniff"],
    "start_frame": [0, 5, 10],
    "stop_frame": [10, 15, 20],
}
VIA = json.dumps(
    {
        "project": {"pid": "__VIA_PROJECT_ID__", "pname": "nest", "vid_list": ["1", "2"]},
        "config": {"file": {"loc_prefix": {"1": ""}}, "ui": {}},
        "attribute": {
            "1": {"aname": "behaviour", "anchor_id": "FILE1_Z2_XY0", "type": 4, "options": {"0": "feed", "1": "call"}},
            "2": {"aname": "subject", "anchor_id": "FILE1_Z2_XY0", "type": 1, "options": {}},
            "3": {"aname": "posture", "anchor_id": "FILE1_Z2_XY0", "type": 2, "options": {"0": "up", "1": "down"}},
        },
        "file": {
            "1": {"fid": "1", "fname": "nest a.mp4", "type": 4, "loc": 1, "src": ""},
            "2": {"fid": "2", "fname": "map.png", "type": 2, "loc": 1, "src": ""},
        },
        "metadata": {
            "1_aaaaaaaa": {"vid": "1", "flg": 0, "z": [0.5, 1.5], "xy": [], "av": {"1": "0", "2": "hen"}},
            "1_bbbbbbbb": {"vid": "1", "flg": 0, "z": [1.0, 2.0], "xy": [], "av": {"1": "1", "2": "chick", "3": "0,1"}},
            "1_cccccccc": {"vid": "1", "flg": 0, "z": [1.0], "xy": [2, 1, 1, 9, 9], "av": {"3": "0"}},
            "2_dddddddd": {"vid": "2", "flg": 0, "z": [], "xy": [2, 1, 1, 9, 9], "av": {}},
        },
        "view": {"1": {"fid_list": ["1"]}, "2": {"fid_list": ["2"]}},
    },
    indent=1,
)


def _box(frame: int, behaviour: str, outside: int = 0, alert: str = "false") -> str:
    attributes = f'<attribute name="does">{behaviour}</attribute><attribute name="alert">{alert}</attribute>'
    attributes += '<attribute name="colour">red</attribute>'
    cells = f'frame="{frame}" keyframe="1" outside="{outside}" xtl="1.00" ytl="1.00" xbr="9.00" ybr="9.00"'
    return f"    <box {cells}>{attributes}</box>"


_LABEL = "".join(
    f"<attribute><name>{name}</name><mutable>{mutable}</mutable></attribute>"
    for name, mutable in (("does", "True"), ("alert", "True"), ("colour", "False"))
)
CVAT = "\n".join(
    [
        '<?xml version="1.0" encoding="utf-8"?>',
        "<annotations>",
        "  <version>1.1</version>",
        "  <meta><task><id>1</id><start_frame>0</start_frame><stop_frame>19</stop_frame>",
        f"    <labels><label><name>bird</name><attributes>{_LABEL}</attributes></label></labels>",
        "    <source>nest.mp4</source></task></meta>",
        '  <track id="0" label="bird" source="manual">',
        _box(0, "feed"),
        _box(5, "rest", alert="true"),
        _box(10, "rest"),
        "  </track>",
        '  <track id="1" label="bird" source="manual">',
        _box(5, "feed"),
        _box(15, "feed", outside=1),
        "  </track>",
        "</annotations>",
        "",
    ]
)
LABEL_STUDIO = json.dumps(
    [
        {
            "id": 1,
            "data": {"video": "/data/upload/3/5f9e1c2b-monday.mp4", "fps": 10},
            "annotations": [
                {
                    "id": 7,
                    "completed_by": 1,
                    "was_cancelled": False,
                    "result": [
                        {
                            "value": {"ranges": [{"start": 1, "end": 10}], "timelinelabels": ["feed"]},
                            "id": "a",
                            "from_name": "tl",
                            "to_name": "video",
                            "type": "timelinelabels",
                        },
                        {
                            "value": {"ranges": [{"start": 6, "end": 15}], "timelinelabels": ["call"]},
                            "id": "b",
                            "from_name": "tl",
                            "to_name": "video",
                            "type": "timelinelabels",
                        },
                        {"value": {"choices": ["day"]}, "from_name": "light", "to_name": "video", "type": "choices"},
                    ],
                }
            ],
        }
    ],
    indent=1,
)


def parquet(columns: dict[str, list[Any]]) -> bytes:
    import pyarrow as pa
    from pyarrow import parquet

    buffer = io.BytesIO()
    parquet.write_table(pa.table(columns), buffer)
    return buffer.getvalue()


def scores(
    postprocessed: list[Any] | None = None, name: str | None = "chase", change: Callable[[dict[str, Any]], None] = bool
) -> bytes:
    """A file as JAABA saves it: 1 by N cells of a number per frame, that are NaN before an animal's first frame."""
    from scipy.io import savemat

    shown = [[0, 1, 1, 0, 0], [float("nan"), 0, 1, 1]] if postprocessed is None else postprocessed
    cells = np.empty((1, len(shown)), object)
    for index, values in enumerate(shown):
        cells[0, index] = np.atleast_2d(np.array(values))
    content: dict[str, Any] = {
        "postprocessed": cells,
        "scores": cells,
        "tStart": np.array([[1.0, 2.0][: len(shown)]]),
        "tEnd": np.array([[5.0, 4.0][: len(shown)]]),
        "scoreNorm": 2.5,
    }
    change(content)
    whole: dict[str, Any] = {"allScores": content, "timestamp": 7.3e5}
    buffer = io.BytesIO()
    savemat(buffer, whole if name is None else {**whole, "behaviorName": name})
    return buffer.getvalue()


SAMPLES = {
    "simba": Sample(
        "m1.csv",
        SIMBA.encode(),
        (
            ("m1", 0.0, 0.1, (), ""),
            ("m1", 0.1, 0.2, ("Attack",), ""),
            ("m1", 0.2, 0.3, ("Attack", "Sniffing"), ""),
            ("m1", 0.3, 0.4, (), ""),
        ),
        ("Attack", "Sniffing"),
    ),
    "bento": Sample(
        "m1.annot",
        BENTO.encode(),
        (
            ("C:/videos/m1.mp4", 0.0, 0.1, (), "Ch1"),
            ("C:/videos/m1.mp4", 0.1, 0.4, ("attack",), "Ch1"),
            ("C:/videos/m1.mp4", 0.4, 0.7, (), "Ch1"),
            ("C:/videos/m1.mp4", 0.7, 0.8, ("attack",), "Ch1"),
            ("C:/videos/m1.mp4", 0.8, 1.0, (), "Ch1"),
            ("C:/videos/m1.mp4", 0.0, 0.4, (), "Ch2"),
            ("C:/videos/m1.mp4", 0.4, 1.0, ("mount",), "Ch2"),
        ),
        ("attack", "mount", "rear"),
        {},
    ),
    "observer": Sample(
        "log.csv",
        OBSERVER.encode(),
        (
            ("day 1", 0.0, 0.5, (), "rat A"),
            ("day 1", 0.5, 2.0, ("Groom",), "rat A"),
            ("day 1", 0.0, 1.0, (), "rat B"),
            ("day 1", 1.0, 1.5, ("Rear",), "rat B"),
            ("day 1", 1.5, 2.0, (), "rat B"),
            ("day 2", 0.0, 1.0, (), "rat A"),
            ("day 2", 1.0, 2.0, ("Rear",), "rat A"),
        ),
        ("Groom", "Rear"),
        {},
    ),
    "ethovision": Sample(
        "Raw data-Trial 1.txt",
        ETHOVISION.encode("utf-16"),
        (
            ("D:/lab/rats 1,2.MP4", 2.5, 2.7, ("Walking",), "Arena 1 Subject 1"),
            ("D:/lab/rats 1,2.MP4", 2.7, 2.9, ("Rearing",), "Arena 1 Subject 1"),
        ),
        ("Walking", "Rearing"),
        {},
    ),
    "elan": Sample(
        "calf.eaf",
        ELAN.encode(),
        (
            ("calf 1.mp4", 0.0, 1.5, (), "calf"),
            ("calf 1.mp4", 1.5, 2.5, ("walk",), "calf"),
            ("calf 1.mp4", 0.0, 1.0, (), "cow"),
            ("calf 1.mp4", 1.0, 1.5, ("lick",), "cow"),
            ("calf 1.mp4", 1.5, 2.5, (), "cow"),
        ),
        ("lick", "walk"),
        {},
    ),
    "mabe": Sample(
        "44566106.parquet",
        parquet(MABE),
        (
            ("44566106", 0.0, 1.0, ("attack",), "mouse1"),
            ("44566106", 1.0, 2.0, ("sniff",), "mouse1"),
            ("44566106", 0.0, 0.5, (), "mouse2"),
            ("44566106", 0.5, 1.5, ("rear",), "mouse2"),
            ("44566106", 1.5, 2.0, (), "mouse2"),
        ),
        ("attack", "rear", "sniff"),
    ),
    "jaaba": Sample(
        "scores_chase.mat",
        scores(),
        (
            ("FOLDER", 0.0, 0.1, (), "animal 1"),
            ("FOLDER", 0.1, 0.3, ("chase",), "animal 1"),
            ("FOLDER", 0.3, 0.5, (), "animal 1"),
            ("FOLDER", 0.1, 0.2, (), "animal 2"),
            ("FOLDER", 0.2, 0.4, ("chase",), "animal 2"),
        ),
        ("chase",),
    ),
    "via3": Sample(
        "nest.json",
        VIA.encode(),
        (
            ("nest a.mp4", 0.0, 1.0, (), "chick"),
            ("nest a.mp4", 1.0, 2.0, ("call", "down", "up"), "chick"),
            ("nest a.mp4", 0.0, 0.5, (), "hen"),
            ("nest a.mp4", 0.5, 1.5, ("feed",), "hen"),
            ("nest a.mp4", 1.5, 2.0, (), "hen"),
        ),
        ("call", "down", "feed", "up"),
        {},
    ),
    "cvat": Sample(
        "annotations.xml",
        CVAT.encode(),
        (
            ("nest.mp4", 0.0, 0.5, ("feed",), "0"),
            ("nest.mp4", 0.5, 1.0, ("alert", "rest"), "0"),
            ("nest.mp4", 1.0, 2.0, ("rest",), "0"),
            ("nest.mp4", 0.0, 0.5, (), "1"),
            ("nest.mp4", 0.5, 1.5, ("feed",), "1"),
            ("nest.mp4", 1.5, 2.0, (), "1"),
        ),
        ("alert", "feed", "rest"),
    ),
    "label-studio": Sample(
        "export.json",
        LABEL_STUDIO.encode(),
        (
            ("monday.mp4", 0.0, 0.5, ("feed",), ""),
            ("monday.mp4", 0.5, 1.0, ("call", "feed"), ""),
            ("monday.mp4", 1.0, 1.5, ("call",), ""),
        ),
        ("call", "feed"),
        {},
    ),
}
"""A file of each format."""
