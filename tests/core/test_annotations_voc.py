"""The objects of a Pascal VOC document become boxes; a document that could be an attack is refused."""

import sys

import pytest

from eisync.core.annotations import pascal_voc
from eisync.core.annotations.shapes import PARTS
from eisync.core.labels.entry import Entry, Region

VOC_2012 = """<annotation>
	<folder>VOC2012</folder>
	<filename>2007_000027.jpg</filename>
	<source><database>The VOC2007 Database</database><annotation>PASCAL VOC2007</annotation></source>
	<size><width>486</width><height>500</height><depth>3</depth></size>
	<segmented>0</segmented>
	<object>
		<name>person</name>
		<pose>Unspecified</pose><truncated>1</truncated><difficult>1</difficult>
		<bndbox><xmin>174</xmin><ymin>101</ymin><xmax>349</xmax><ymax>351</ymax></bndbox>
		<part><name>head</name><bndbox><xmin>169</xmin><ymin>104</ymin><xmax>209</xmax><ymax>146</ymax></bndbox></part>
	</object>
</annotation>
"""
LABEL_IMG = """<?xml version="1.0" encoding="UTF-16"?><!-- made by a tool --><annotation verified="yes">
<size><width>0</width><height>0</height></size>
<object><bndbox><ymax>20.5</ymax><xmax> 30 </xmax><xmin>1</xmin><ymin>2</ymin></bndbox><name> Zürich </name></object>
</annotation>"""


@pytest.mark.parametrize(
    ("text", "found"),
    [
        (
            VOC_2012,
            Entry(
                path="",
                regions=[Region("person", 174, 101, 175, 250, "object 1 (person)")],
                size=(486, 500),
                remark=PARTS,
            ),
        ),
        (LABEL_IMG, Entry(path="", regions=[Region("Zürich", 1, 2, 29, 18.5, "object 1 (Zürich)")])),
        ("\ufeff<annotation/>", Entry(path="", regions=[])),
    ],
)
def test_the_objects_of_a_document_are_boxes(text: str, found: Entry) -> None:
    assert [found] == list(pascal_voc.entries([text[:50], text[50:]]))


@pytest.mark.parametrize(
    ("of_object", "problem"),
    [
        ("<bndbox/>", "object 1 has no name"),
        ("<name>cat</name>", "object 1 (cat) has no bndbox"),
        (
            "<name>cat</name><bndbox><xmin>1</xmin><ymin>a</ymin></bndbox>",
            "object 1 (cat) has a bndbox whose ymin is not a number",
        ),
        ("<name>cat</name><bndbox><xmin>1</xmin></bndbox>", "object 1 (cat) has a bndbox whose ymin is not a number"),
    ],
)
def test_an_object_that_is_no_box_is_named(of_object: str, problem: str) -> None:
    text = f"<annotation><object>{of_object}</object></annotation>"
    assert [Entry(path="", problem=problem)] == list(pascal_voc.entries([text]))


BOMB = '<!DOCTYPE a [<!ENTITY a "aaaa"><!ENTITY b "&a;&a;&a;">]><annotation>&b;</annotation>'


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        (BOMB, "it has a document type, which could make it fill the memory; remove the DOCTYPE"),
        ("<!DOCTYPE annotation SYSTEM 'a.dtd'><annotation/>", "it has a document type"),
        ("<annotation>", "it is not XML (no element found"),
        ("", "it is not XML (no element found"),
        ("<annotation>\0</annotation>", "it is not XML (not well-formed"),
        ("<annotation>\ud800</annotation>", "it is not XML ("),
        ("<html/>", "its first element is not annotation"),
        ("<annotation>" + " " * 1024 * 1024, "it has more than 1,048,576 characters"),
    ],
)
def test_a_document_that_cannot_be_used_is_refused(text: str, reason: str) -> None:
    with pytest.raises(ValueError) as raised:
        list(pascal_voc.entries([text]))
    assert str(raised.value).startswith(reason)


def test_an_image_has_so_many_boxes_at_most(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pascal_voc, "MOST_REGIONS", 0)
    assert [Entry(path="", problem="object 1 (person) is one too many for an image")] == list(
        pascal_voc.entries([VOC_2012])
    )


def test_without_the_extra_the_remedy_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "defusedxml", None)
    with pytest.raises(ValueError, match=r"install eisync\[annotations\]"):
        list(pascal_voc.entries([VOC_2012]))


@pytest.mark.parametrize(
    ("name", "head", "is_voc"),
    [
        ("2007_000027.xml", VOC_2012[:30], True),
        ("a.XML", LABEL_IMG[:100], True),
        ("a.xml", "\ufeff  <annotation>", True),
        ("a.xml", "<annotations>", False),
        ("a.xml", "<html><annotation>", False),
        ("a.txt", VOC_2012, False),
        ("a.xml", "", False),
    ],
)
def test_documents_are_recognised(name: str, head: str, is_voc: bool) -> None:
    assert is_voc == pascal_voc.recognises(name, head)
