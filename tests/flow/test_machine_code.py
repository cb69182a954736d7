"""Counting what an iteration costs from a listing of machine code."""

import importlib
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

FOLDER = Path(__file__).parents[2] / "docs/benchmarks"
#: Laid out as nvdisasm lists our kernels: a division before the loop, a wait inside of it, and code for some warps that
#: lies behind the loop's end.
LISTING = """
	.section	.text.iterate_block,"ax",@progbits
	.align	128
.text.iterate_block:
        /*0000*/                   MOV R1, c[0x0][0x28] ;
        /*0010*/                   MUFU.RCP R5, R4 ;
        /*0020*/                   ISETP.GE.AND P0, PT, R2, 0x1, PT ;
        /*0030*/              @!P0 BRA `(.L_x_9) ;
.L_x_1:
        /*0040*/                   BAR.SYNC.DEFER_BLOCKING 0x0 ;
        /*0050*/               @P1 BRA `(.L_x_3) ;
.L_x_2:
        /*0060*/                   SYNCS.PHASECHK.TRANS64.TRYWAIT P2, [R8], R9 ;
        /*0070*/              @!P2 BRA `(.L_x_2) ;
        /*0080*/                   LDS.128 R12, [R8+0x10] ;
        /*0090*/               @P3 BRA `(.L_x_7) ;
        /*00a0*/                   MUFU.SQRT R12, R12 ;
        /*00b0*/                   FMUL.FTZ R13, R12, R12 ;
.L_x_6:
        /*00c0*/               @P4 STS.128 [R8], R12 ;
.L_x_3:
        /*00d0*/                   IADD3 R2, R2, 0x1, RZ ;
        /*00e0*/               @P0 BRA `(.L_x_1) ;
.L_x_9:
        /*00f0*/                   STG.E.128 desc[UR4][R6.64], R12 ;
        /*0100*/                   EXIT ;
.L_x_7:
        /*0110*/                   FMUL.FTZ R12, R12, R10 ;
        /*0120*/                   MUFU.SQRT R12, R12 ;
        /*0130*/                   FMUL.FTZ R13, R12, R12 ;
        /*0140*/                   BRA `(.L_x_6) ;
.L_x_10:
        /*0150*/                   BRA `(.L_x_10);
	.section	.text.keep_book,"ax",@progbits
.text.keep_book:
        /*0000*/                   EXIT ;
"""


@pytest.fixture
def machine_code(monkeypatch: pytest.MonkeyPatch) -> Any:
    monkeypatch.syspath_prepend(str(FOLDER))
    return importlib.import_module("machine_code")


def test_a_loop_is_counted_along_the_ways_that_skip_no_work(machine_code: Any) -> None:
    found = machine_code.count_iterations(LISTING)
    assert list(found) == ["iterate_block"]  # the other has no loop with MUFU
    iteration = found["iterate_block"]
    assert iteration.slots() == (11, 13)
    assert iteration.longest - iteration.shortest == Counter({"FMUL.FTZ": 1, "BRA": 1})
    assert [iteration.of(kind) for kind in ("MUFU", "LDS", "STS", "SYNCS", "BAR", "EXIT")] == [1, 1, 1, 1, 1, 0]
    assert iteration.of("LDS", "STS") == 2


def test_a_missing_disassembler_is_named(machine_code: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(machine_code, "disassembler", lambda: None)
    with pytest.raises(
        FileNotFoundError, match="nvdisasm is not there: it comes with the CUDA toolkit and with Triton"
    ):
        machine_code.disassemble(b"")
