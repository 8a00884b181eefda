"""Emits async functions as LLVM coroutines, and what is done with their handles.

The shape is LLVM's switched-resume lowering (docs/Coroutines): the call allocates a frame and suspends at once;
every `await` resumes the child and suspends when the child did; the result is kept in the promise.
"""

from __future__ import annotations

from guest.compiler import tree
from guest.compiler.emit.core import FunctionEmitter, expression
from guest.compiler.emit.layout import value_type
from guest.compiler.emit.lowlevel import intrinsic
from guest.compiler.types import VOID, Coro

PROMISE_ALIGN = 8


def begin_coroutine(emitter: FunctionEmitter) -> None:
    """Allocates the frame (a null one makes a null handle) and suspends before the body."""
    module, symbol = emitter.module, emitter.symbol
    assert symbol.result is not None
    if symbol.result != VOID:
        emitter.promise = emitter.slot(value_type(symbol.result), PROMISE_ALIGN)
    promise = emitter.promise or "null"
    identity = emitter.intrinsic(
        "token", "llvm.coro.id", [f"i32 {PROMISE_ALIGN}", f"ptr {promise}", "ptr null", "ptr null"]
    )
    size = emitter.intrinsic("i64", "llvm.coro.size.i64", [])
    memory = emitter.call("ptr", module.reference(module.frame_functions(symbol)[0]), [f"i64 {size}"])
    failed, ready = emitter.label("no.frame"), emitter.label("frame")
    emitter.branch(emitter.op(f"icmp eq ptr {memory}, null"), failed, ready)
    emitter.begin(failed)
    emitter.terminate("ret ptr null")
    emitter.begin(ready)
    handle = emitter.intrinsic("ptr", "llvm.coro.begin", [f"token {identity}", f"ptr {memory}"])
    emitter.frame = (identity, handle)
    emitter.final_label = emitter.label("final")
    emitter.cleanup_label = emitter.label("cleanup")
    emitter.suspend_label = emitter.label("suspended")
    suspend(emitter, emitter.cleanup_label)


def suspend(emitter: FunctionEmitter, destroyed: str) -> None:
    """Suspends; goes on here when resumed, at `destroyed` when the coroutine is destroyed meanwhile."""
    state = emitter.intrinsic("i8", "llvm.coro.suspend", ["token none", "i1 false"])
    again = emitter.label("resumed")
    emitter.terminate(
        f"switch i8 {state}, label %{emitter.suspend_label} [i8 0, label %{again} i8 1, label %{destroyed}]"
    )
    emitter.begin(again)


def end_coroutine(emitter: FunctionEmitter) -> None:
    """The final suspension, the freeing of the frame, and the return to whoever called or resumed."""
    module = emitter.module
    identity, handle = emitter.frame
    emitter.begin(emitter.final_label)
    state = emitter.intrinsic("i8", "llvm.coro.suspend", ["token none", "i1 true"])
    never = emitter.label("never")
    emitter.terminate(
        f"switch i8 {state}, label %{emitter.suspend_label} "
        f"[i8 0, label %{never} i8 1, label %{emitter.cleanup_label}]"
    )
    emitter.begin(never)
    emitter.terminate("unreachable")
    emitter.begin(emitter.cleanup_label)
    memory = emitter.intrinsic("ptr", "llvm.coro.free", [f"token {identity}", f"ptr {handle}"])
    size = emitter.intrinsic("i64", "llvm.coro.size.i64", [])
    free = module.reference(module.frame_functions(emitter.symbol)[1])
    emitter.call("void", free, [f"ptr {memory}", f"i64 {size}"])
    emitter.jump(emitter.suspend_label)
    emitter.begin(emitter.suspend_label)
    emitter.intrinsic("void", "llvm.coro.end", [f"ptr {handle}", "i1 false", "token none"])
    emitter.terminate(f"ret ptr {handle}")


@intrinsic("suspend")
def emit_suspend(emitter: FunctionEmitter, node: tree.Intrinsic) -> str:
    suspend(emitter, emitter.cleanup_label)
    return ""


@expression(tree.Await)
def emit_await(emitter: FunctionEmitter, node: tree.Await) -> str:
    child = emitter.value(node.coroutine)
    made = emitter.op(f"icmp ne ptr {child}, null")
    emitter.trap_unless(made, "no memory for a coroutine", node.span)
    poll, wait, dropped, ready = (emitter.label(item) for item in ("poll", "wait", "dropped", "ready"))
    if not isinstance(node.coroutine, tree.Call):
        # A kept coroutine may already be at its end, where it must not be resumed.
        over = emitter.intrinsic("i1", "llvm.coro.done", [f"ptr {child}"])
        emitter.branch(over, ready, poll)
    emitter.begin(poll)
    emitter.intrinsic("void", "llvm.coro.resume", [f"ptr {child}"])
    finished = emitter.intrinsic("i1", "llvm.coro.done", [f"ptr {child}"])
    emitter.branch(finished, ready, wait)
    emitter.begin(wait)
    suspend(emitter, dropped)
    emitter.jump(poll)
    # Destroyed while it waits: the child goes first.
    emitter.begin(dropped)
    emitter.intrinsic("void", "llvm.coro.destroy", [f"ptr {child}"])
    emitter.jump(emitter.cleanup_label)
    emitter.begin(ready)
    value = _result(emitter, child, node.coroutine)
    emitter.intrinsic("void", "llvm.coro.destroy", [f"ptr {child}"])
    return value


def _result(emitter: FunctionEmitter, handle: str, coroutine: tree.Expr) -> str:
    assert isinstance(coroutine.type, Coro)
    type = coroutine.type.result
    if type == VOID:
        return ""
    promise = emitter.intrinsic(
        "ptr", "llvm.coro.promise", [f"ptr {handle}", f"i32 {PROMISE_ALIGN}", "i1 false"]
    )
    return emitter.op(f"load {value_type(type)}, ptr {promise}")


@expression(tree.AwaitPoll)
def emit_await_poll(emitter: FunctionEmitter, node: tree.AwaitPoll) -> str:
    waiting = emitter.value(node.awaitable)
    poll, wait, ready = (emitter.label(item) for item in ("poll", "wait", "ready"))
    emitter.begin(poll)
    finished = emitter.call("i1", emitter.module.reference(node.poll), [f"ptr {waiting}"])
    emitter.branch(finished, ready, wait)
    emitter.begin(wait)
    suspend(emitter, emitter.cleanup_label)
    emitter.jump(poll)
    emitter.begin(ready)
    if node.value is None:
        return ""
    return emitter.call(node.type, emitter.module.reference(node.value), [f"ptr {waiting}"])


@intrinsic("resume", "destroy")
def emit_resume(emitter: FunctionEmitter, node: tree.Intrinsic) -> str:
    return emitter.intrinsic("void", f"llvm.coro.{node.name}", [emitter.typed(node.arguments[0])])


@intrinsic("done")
def emit_done(emitter: FunctionEmitter, node: tree.Intrinsic) -> str:
    return emitter.intrinsic("i1", "llvm.coro.done", [emitter.typed(node.arguments[0])])


@intrinsic("result")
def emit_result(emitter: FunctionEmitter, node: tree.Intrinsic) -> str:
    return _result(emitter, emitter.value(node.arguments[0]), node.arguments[0])
