"""Compares the API that standard input shows with what the modules of a package have in __all__."""

import ast
import pathlib
import sys

CALLED_BY_HTTPX = {"sync_auth_flow", "async_auth_flow"}
PROTOCOLS = {"Storage": {"load", "save", "lock"}, "Key": {"signer", "forget"}}  # shown once


def declared(tree, names):
    """Returns what the classes and functions of those names offer."""
    found = {}
    for node in tree.body:
        if isinstance(node, ast.FunctionDef) and node.name in names:
            found[node.name] = parameters(node)
        if not isinstance(node, ast.ClassDef) or node.name not in names:
            continue
        found[node.name] = {}
        for member in node.body:
            if isinstance(member, (ast.FunctionDef, ast.AsyncFunctionDef)):
                if member.name in CALLED_BY_HTTPX or is_repeated(node.name, member.name):
                    continue
                if member.name == "__init__" or not member.name.startswith("_"):
                    found[node.name][member.name] = parameters(member)
            elif isinstance(member, ast.AnnAssign):
                found[node.name][member.target.id] = ""
    return found


def is_repeated(owner, member):
    """Reports whether a method is one of a protocol that its class implements."""
    return any(owner != name and member in methods for name, methods in PROTOCOLS.items())


def parameters(function):
    """Returns the parameters with their defaults, and whether the function must be awaited."""
    arguments = function.args
    for argument in arguments.posonlyargs + arguments.args + arguments.kwonlyargs:
        argument.annotation = None
    awaited = "async " if isinstance(function, ast.AsyncFunctionDef) else ""
    return awaited + ast.unparse(arguments).replace("60.0", "60").replace("10.0", "10")


def exported(tree):
    for node in tree.body:
        if isinstance(node, ast.Assign) and getattr(node.targets[0], "id", "") == "__all__":
            return set(ast.literal_eval(node.value))
    return set()


modules = [ast.parse(file.read_text()) for file in sorted(pathlib.Path(sys.argv[1]).glob("*.py"))]
names = set().union(*map(exported, modules))
real = {}
for module in modules:
    real.update(declared(module, names))
assert set(real) == names, f"not found: {names - set(real)}"

page = ast.parse(sys.stdin.read())
shown = declared(page, {node.name for node in page.body if hasattr(node, "name")})
for name in sorted(set(real) | set(shown)):
    if real.get(name) != shown.get(name):
        print(f"{name}: the package has {real.get(name)}, the page shows {shown.get(name)}")
sys.exit(real != shown)
