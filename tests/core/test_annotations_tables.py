"""Rows of the tables that tools write become boxes, whatever they call their columns."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from eisync.core.annotations import csv_boxes, open_images
from eisync.core.annotations.shapes import CROWD
from eisync.core.labels.entry import Entry, Region

HEADER = (
    "ImageID,Source,LabelName,Confidence,XMin,XMax,YMin,YMax,IsOccluded,IsTruncated,IsGroupOf,IsDepiction,IsInside\n"
)


def of_open_images(path: str, *regions: Region, remark: str | None = None) -> Entry:
    return Entry(path=path, regions=list(regions), is_relative=True, is_numbered=True, remark=remark)


def test_rows_of_open_images_are_boxes_in_fractions() -> None:
    text = (
        f"{HEADER}000002b66c9c498e,xclick,/m/01g317,1,0.25,0.5,0.25,0.75,0,1,0,0,0\n"
        "000002b66c9c498e,xclick,/m/01g317,1,0,1,0,1,0,1,1,0,0\n"
        "000002b97e5471a0,xclick,/m/0284d,1,0,0.5,0.5,1,0,0,1,0,0\n"
        "000002b66c9c498e,xclick,/m/09j2d,1,0,0.5,0.5,1\n"
        "a,xclick,/m/09j2d,1,0,nan,0.5,1\n"
        "a,xclick,,1,0,0.5,0.5,1\n"
        "a,xclick,/m/09j2d\n"
    )
    assert [
        of_open_images("000002b66c9c498e", Region("/m/01g317", 0.25, 0.25, 0.25, 0.5, "line 2"), remark=CROWD),
        of_open_images("000002b97e5471a0", remark=CROWD),
        of_open_images("000002b66c9c498e", Region("/m/09j2d", 0, 0.5, 0.5, 0.5, "line 5")),
        Entry(path="a", problem="line 6 has a box whose edges are not four numbers"),
        Entry(path="a", problem="line 7 has no LabelName"),
        Entry(path="a", problem="line 8 has a box whose edges are not four numbers"),
    ] == list(open_images.entries([text]))


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("", "it has no column ImageID"),
        ("ImageID,LabelName\n", "it has no column XMin"),
        (f"{HEADER},xclick,/m/0,1,0,1,0,1\n", "line 2 names no image"),
    ],
)
def test_a_table_that_is_not_of_open_images_is_refused(text: str, reason: str) -> None:
    with pytest.raises(ValueError, match=reason):
        list(open_images.entries([text]))


@pytest.mark.parametrize(
    ("name", "head", "is_open_images"),
    [
        ("oidv6-train-annotations-bbox.csv", HEADER + "000002", True),
        ("a.csv", "\ufeff" + HEADER.replace("\n", "\r\n"), True),
        ("a.csv", "ImageID,Source,LabelName,Confidence\n", False),
        ("a.txt", HEADER, False),
    ],
)
def test_tables_of_open_images_are_recognised(name: str, head: str, is_open_images: bool) -> None:
    assert is_open_images == open_images.recognises(name, head)
    assert not (is_open_images and csv_boxes.recognises(name, head))


CAT = Region("cat", 10, 20, 30, 40, "line 2")


def image(path: str, *regions: Region, size: tuple[int, int] | None = None, is_relative: bool = False) -> Entry:
    return Entry(path=path, regions=list(regions), size=size, is_relative=is_relative)


@pytest.mark.parametrize(
    ("text", "found"),
    [
        (
            "filename,width,height,class,xmin,ymin,xmax,ymax\na.jpg,640,480,cat,10,20,40,60\n",
            image("a.jpg", CAT, size=(640, 480)),
        ),
        ("image;label;xmin;ymin;xmax;ymax\r\nBüro\\a.jpg;cat;10,0;20,0;40,0;60,0\r\n", image("Büro/a.jpg", CAT)),
        (
            'sep=;\n"Image Path";"Class-Name";x1;y1;x2;y2\na.jpg;cat;10;20;40;60\n',
            image("a.jpg", CAT._replace(where="line 3")),
        ),
        ("\ufefffile\tname\tx\ty\tw\th\na.jpg\tcat\t10\t20\t30\t40\n", image("a.jpg", CAT)),
        ("path,label,left,top,width,height\n./a.jpg,cat,10,20,30,40\n", image("a.jpg", CAT)),
        (
            "label_name,bbox_x,bbox_y,bbox_width,bbox_height,image_name,image_width,image_height\ncat,10,20,30,40,a.jpg,640,480\n",
            image("a.jpg", CAT, size=(640, 480)),
        ),
        (
            'image_id,width,height,bbox,source,class\nb6ab77fd7,1024,1024,"[10.0, 20.0, 30.0, 40.0]",usask_1,cat\n',
            image("b6ab77fd7", CAT, size=(1024, 1024)),
        ),
        ('image_id,bbox,label\na,"10 20 30 40",cat\n', image("a", CAT)),
        ("a.jpg,10,20,40,60,cat\n", image("a.jpg", CAT._replace(where="line 1"))),
        ("a.jpg,,,,,\n", image("a.jpg")),
        (
            "filename,xmin,ymin,xmax,ymax,class\na.jpg,0.25,0.5,0.75,1,cat\n",
            image("a.jpg", Region("cat", 0.25, 0.5, 0.5, 0.5, "line 2"), is_relative=True),
        ),
        (
            "filename,xmin,ymin,xmax,ymax,class\na.jpg,0,0,1,1,cat\n",
            image("a.jpg", Region("cat", 0, 0, 1, 1, "line 2")),
        ),
        ('filename,xmin,ymin,xmax,ymax,class\n"a\n.jpg",,,,,\n', image("a\n.jpg")),
        (
            "\n\nfilename,xmin,ymin,xmax,ymax,class\n\na.jpg,40,20,10,60,cat\n",
            image("a.jpg", Region("cat", 40, 20, -30, 40, "line 5")),
        ),
    ],
)
def test_a_row_is_a_box(text: str, found: Entry) -> None:
    assert [found] == list(csv_boxes.entries([text]))
    assert csv_boxes.recognises("a.csv", text)


@pytest.mark.parametrize(
    ("row", "problem"),
    [
        ("a.jpg,10,20,40,x,cat", "line 2 has a box that is not four numbers"),
        ("a.jpg,10,20,40,,cat", "line 2 has a box that is not four numbers"),
        ("a.jpg,10,20", "line 2 has a box without a label"),
        ("a.jpg,10,20,40,60,", "line 2 has a box without a label"),
        ("a.jpg,10,20,40,inf,cat", "line 2 has a box that is not four numbers"),
    ],
)
def test_a_row_that_is_no_box_costs_only_its_own_image(row: str, problem: str) -> None:
    text = f"file,xmin,ymin,xmax,ymax,class\n{row}\nb.jpg,10,20,40,60,cat\nb.jpg,10,20,40,60,cat"
    box = Region("cat", 10, 20, 30, 40, "line 3")
    assert [Entry(path="a.jpg", problem=problem), image("b.jpg", box, box._replace(where="line 4"))] == list(
        csv_boxes.entries([text])
    )


@pytest.mark.parametrize("cell", ["[1, 2, 3]", "[1, 2, 3, 4, 5]", "[[1, 2], [3, 4]]", "x"])
def test_a_cell_that_is_not_a_list_of_four_numbers_is_named(cell: str) -> None:
    assert [Entry(path="a", problem="line 2 has a box that is not four numbers")] == list(
        csv_boxes.entries([f'image_id,bbox,label\na,"{cell}",cat\n'])
    )


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("", "it is empty"),
        ("time,x,y,z\n1,2,3,4\n", "its first line does not name an image and the edges of a box"),
        (
            'image_id,width,height,bbox,source\na,1,2,"[1, 2, 3, 4]",x\n',
            "it has no column with the label of a box; add one that is called label",
        ),
        ("file,xmin,ymin,xmax,ymax,class\n,10,20,40,60,cat\n", "line 2 names no image"),
        ("file,xmin,ymin,xmax,ymax,class\na.jpg,\0\n", "it has NUL characters, so it is not a text"),
        ("file,xmin,ymin,xmax,ymax,class\n\n" + "a" * 200_000, "line 3 is not a row of a table"),
    ],
)
def test_a_table_that_cannot_be_used_is_refused(text: str, reason: str) -> None:
    with pytest.raises(ValueError, match=reason):
        list(csv_boxes.entries([text]))


@pytest.mark.parametrize(
    ("name", "head"),
    [
        ("a.csv", "timestamp,accX,accY,accZ\n0,1,2,3\n"),
        ("a.csv", "timestamp,x,y,width,height\n0,1,2,3,4\n"),
        ("a.csv", "filename,cat,dog\na.jpg,0,1\n"),
        ("a.csv", "a.jpg,1,2,3,4\n"),
        ("a.csv", "a.jpg,1,2,3,x,cat\n"),
        ("a.csv", "1,2,3,4,5,6\n"),
        ("a.csv", ""),
        ("a.csv", "a\0b\n"),
        ("a.txt", "filename,xmin,ymin,xmax,ymax,class\n"),
    ],
)
def test_other_tables_are_not_recognised(name: str, head: str) -> None:
    assert not csv_boxes.recognises(name, head)


WORDS = st.text(st.characters(categories=("L", "N"), include_characters=' ,;"'), min_size=1, max_size=8).map(str.strip)


@given(rows=st.lists(st.tuples(WORDS.filter(bool), WORDS.filter(bool), *[st.integers(-5, 900)] * 4), max_size=6))
def test_as_many_boxes_come_out_as_went_in(rows: list[tuple[str, str, int, int, int, int]]) -> None:
    def quoted(cell: object) -> str:
        return '"' + str(cell).replace('"', '""') + '"'

    text = "file,label,x,y,w,h\n" + "".join(",".join(map(quoted, row)) + "\n" for row in rows)
    found = [(one.path, *region[:5]) for one in csv_boxes.entries([text]) for region in one.regions or ()]
    assert rows == found
