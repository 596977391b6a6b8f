"""What a Python file imports, found in its syntax tree without running it."""

import ast
from collections.abc import Iterator
from dataclasses import dataclass


@dataclass(frozen=True)
class Import:
    """One import in a file.

    Parameters
    ----------
    module : str
        Full name of what is imported; `from a import b` counts as `a.b`, which may be a module.
    line : int
    lazy : bool
        Whether it stands inside a function, and so runs only when that is called.
    """

    module: str
    line: int
    lazy: bool

    @property
    def package(self) -> str:
        """First part of the module's name."""
        return self.module.partition(".")[0]


def imports_of(source: str, module: str, is_package: bool = False) -> list[Import]:
    """Return every import that runs; those for type checkers alone do not.

    Parameters
    ----------
    source : str
        Python code.
    module : str
        Full name of the module that the code is, for imports relative to it.
    is_package : bool
        Whether that module is a package's `__init__`.
    """
    home = module.split(".") if is_package else module.split(".")[:-1]
    return list(_visit(ast.parse(source), home, lazy=False))


def _visit(node: ast.AST, home: list[str], lazy: bool) -> Iterator[Import]:
    if isinstance(node, ast.Import):
        for alias in node.names:
            yield Import(alias.name, node.lineno, lazy)
    elif isinstance(node, ast.ImportFrom):
        start = home[: len(home) - node.level + 1] if node.level else []
        origin = [*start, *(node.module or "").split(".")] if node.module else start
        for alias in node.names:
            yield Import(".".join([*origin, alias.name]), node.lineno, lazy)
    elif isinstance(node, ast.Call) and (name := _imported_by_call(node)):
        yield Import(name, node.lineno, lazy)
    children = ast.iter_child_nodes(node)
    if isinstance(node, ast.If) and "TYPE_CHECKING" in ast.unparse(node.test):
        children = iter(node.orelse)
    inside = lazy or isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda)
    for child in children:
        yield from _visit(child, home, inside)


def _imported_by_call(call: ast.Call) -> str | None:
    """Return the name in `import_module("name")` or `__import__("name")`."""
    function = ast.unparse(call.func).rpartition(".")[2]
    if function in {"import_module", "__import__"} and call.args:
        argument = call.args[0]
        if isinstance(argument, ast.Constant) and isinstance(argument.value, str):
            return argument.value
    return None
