"""A small good text of each format of tracks: two animals, three frames."""

import json
from typing import Any

PLAIN = (
    "video,frame,subject,x,y,width,height,body_length\n"
    "a.mp4,0,ann,10,20,30,40,25\na.mp4,1,ann,11,20,30,40,25\na.mp4,3,bob,50,60.5,7,8,\n"
)

DLC_ONE = (
    "scorer"
    + 6 * ",DLC_resnet50_flyMay3shuffle1_1000"
    + """
bodyparts,head,head,head,tail,tail,tail
coords,x,y,likelihood,x,y,likelihood
10,10,20,0.99,40,60,0.95
11,12,20,1.06,42,60,0.9
13,14,20,0.99,44,60,0.1
"""
)


def dlc_several() -> str:
    """Two animals and a point of no animal; the second is not there in frame 1."""
    scorer = "DLC_dlcrnetms5_flyMay3shuffle1_1000"
    columns = [(animal, point) for animal in ("ann", "bob") for point in ("head", "tail")] + [("single", "food")]
    header = [["scorer", "individuals", "bodyparts", "coords"]]
    header += [[scorer, *column, place] for column in columns for place in ("x", "y", "likelihood")]
    lines = [",".join(cells) for cells in zip(*header, strict=True)]
    ann = ["10,20,0.9,40,60,0.9", "11,20,0.9,41,60,0.9", "12,20,0.9,42,60,0.9"]
    bob = ["50,60,0.9,90,80,0.9", ",,,,,", "52,60,0.9,92,80,0.9"]
    lines += [f"{frame},{ann[frame]},{bob[frame]},5,5,1" for frame in range(3)]
    return "\n".join(lines) + "\n"


MOT_TRUTH = "1,1,11,21,30,40,1,1,1.0\n2,1,12,21,30,40,1,1,0.8\n2,2,51,61,7,8,0,8,1\n4,2,51,61.5,7,8,1,1,1\n"
MOT_RESULTS = (
    "1,1,11,21,30,40,0.9,-1,-1,-1\n2,1,12,21,30,40,0,-1,-1,-1\n4,2,51,61.5,7,8,0.5,-1,-1,-1\n"
    "2,-1,1,1,2,2,0.9,-1,-1,-1\n"
)

CVAT = """<?xml version="1.0" encoding="utf-8"?>
<annotations>
  <version>1.1</version>
  <meta><task><name>day 1</name><size>4</size><source>a.mp4</source><frame_filter></frame_filter></task></meta>
  <track id="0" label="fly" source="manual">
    <box frame="0" keyframe="1" outside="0" occluded="0" xtl="10.00" ytl="20.00" xbr="40.00" ybr="60.00" z_order="0">
      <attribute name="name">ann</attribute>
    </box>
    <box frame="1" keyframe="0" outside="0" occluded="0" xtl="11.00" ytl="20.00" xbr="41.00" ybr="60.00" z_order="0">
      <attribute name="name">ann</attribute>
    </box>
    <box frame="2" keyframe="1" outside="1" occluded="0" xtl="11.00" ytl="20.00" xbr="41.00" ybr="60.00" z_order="0">
      <attribute name="name">ann</attribute>
    </box>
  </track>
  <track id="1" label="fly" source="manual">
    <box frame="3" keyframe="1" outside="0" occluded="1" xtl="50.00" ytl="60.50" xbr="57.00" ybr="68.50" z_order="0">
      <attribute name="name">bob</attribute>
    </box>
  </track>
</annotations>
"""


def coco(**more: Any) -> str:
    """Boxes of two animals; one image has none."""
    images = [
        {"id": 7 + frame, "file_name": f"a_frame_{frame:06d}.png", "width": 99, "height": 99} for frame in range(4)
    ]
    boxes = [(7, 1, [10, 20, 30, 40]), (8, 1, [11, 20, 30, 40]), (10, 2, [50, 60.5, 7, 8])]
    annotations = [
        {"id": index, "image_id": image, "category_id": 1, "bbox": box, "attributes": {"object_id": owner}}
        for index, (image, owner, box) in enumerate(boxes)
    ]
    content = {"images": images, "annotations": annotations, "categories": [{"id": 1, "name": "fly"}], **more}
    return json.dumps(content, indent=1)
