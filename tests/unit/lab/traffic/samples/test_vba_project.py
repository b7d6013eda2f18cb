"""VBA projects, read back by olevba."""

import pytest

from lab.traffic.samples.vba_project import vba_project

pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning")


def test_modules_come_back_with_their_sources() -> None:
    from oletools.olevba import VBA_Parser

    modules = {"Module1": "Sub AutoOpen()\n    MsgBox 1\nEnd Sub", "Module2": "Sub Other()\nEnd Sub\n" * 200}
    parser = VBA_Parser("vbaProject.bin", data=vba_project(modules), disable_pcode=True)
    found = {name: source for _, _, name, source in parser.extract_macros()}
    parser.close()
    assert {name.removesuffix(".bas") for name in found} == set(modules)
    for name, source in found.items():
        lines = source.replace("\r\n", "\n").strip().split("\n")
        assert lines[0] == f'Attribute VB_Name = "{name.removesuffix(".bas")}"'
        assert lines[1:] == modules[name.removesuffix(".bas")].strip().split("\n")
