"""Reports the syntax errors of Swift files. It knows the grammar, and neither types nor names."""

import pathlib
import sys

import tree_sitter_swift
from tree_sitter import Language, Node, Parser


def errors(node: Node) -> list[Node]:
    if node.type == "ERROR" or node.is_missing:
        return [node]
    return [error for child in node.children if node.has_error for error in errors(child)]


parser = Parser(Language(tree_sitter_swift.language()))
files = sorted(pathlib.Path(sys.argv[1]).rglob("*.swift"))
assert files, f"no Swift files in {sys.argv[1]}"
assert errors(parser.parse(b"func f( { }").root_node), "the parser accepts everything"
found = [(file, error) for file in files for error in errors(parser.parse(file.read_bytes()).root_node)]
for file, error in found:
    print(f"{file}:{error.start_point[0] + 1}: syntax error near {error.text[:40]!r}")
sys.exit(1 if found else 0)
