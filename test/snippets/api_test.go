package snippets_test

import (
	"bytes"
	"go/ast"
	"go/parser"
	"go/printer"
	"go/token"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// TestGoAPI compares declarations, and so names and types.
func TestGoAPI(t *testing.T) {
	t.Parallel()
	_, api := blocks(t, "Go", "go")
	shown := goDeclarations(t, "package sessionclient\n"+api)
	paths, err := filepath.Glob(filepath.FromSlash(packages + "/*.go"))
	require.NoError(t, err)
	var real []string
	for _, path := range paths {
		if strings.HasSuffix(path, "_test.go") {
			continue
		}
		for _, declaration := range goDeclarations(t, read(t, filepath.ToSlash(path))) {
			if !goImplementation.MatchString(declaration) {
				real = append(real, declaration)
			}
		}
	}
	require.NotEmpty(t, real)
	assert.ElementsMatch(t, real, shown)
}

// goImplementation matches the methods of Storage and Key, which the page shows once.
var goImplementation = regexp.MustCompile(
	`^func \(.*(Storage\) (Load|Save|Lock)|Key\) (Signer|Forget))\(`)

// goDeclarations returns what a file exports, one line each, without bodies, comments and the
// values of variables.
func goDeclarations(t *testing.T, source string) []string {
	t.Helper()
	files := token.NewFileSet()
	file, err := parser.ParseFile(files, "", source, parser.SkipObjectResolution)
	require.NoError(t, err)
	ast.FileExports(file)
	var all []string
	add := func(node ast.Node) {
		var text bytes.Buffer
		require.NoError(t, printer.Fprint(&text, files, node))
		all = append(all, strings.ReplaceAll(oneLine(text.String()), "struct { }", "struct{}"))
	}
	for _, declaration := range file.Decls {
		switch d := declaration.(type) {
		case *ast.FuncDecl:
			d.Body = nil
			if d.Recv == nil || ast.IsExported(receiver(d)) {
				add(d)
			}
		case *ast.GenDecl:
			for _, spec := range d.Specs {
				if d.Tok == token.IMPORT {
					continue
				}
				if variables, ok := spec.(*ast.ValueSpec); ok && d.Tok == token.VAR {
					for _, name := range variables.Names {
						all = append(all, "var "+name.Name)
					}
					continue
				}
				ast.Inspect(spec, func(node ast.Node) bool {
					switch n := node.(type) {
					case *ast.StructType:
						n.Incomplete = false // otherwise a comment says so
					case *ast.InterfaceType:
						n.Incomplete = false
					case *ast.Field:
						n.Tag = nil
					}
					return true
				})
				add(spec)
			}
		}
	}
	return all
}

// receiver returns the name of a method's type.
func receiver(method *ast.FuncDecl) string {
	of := method.Recv.List[0].Type
	if pointer, ok := of.(*ast.StarExpr); ok {
		of = pointer.X
	}
	name, _ := of.(*ast.Ident)
	return name.Name
}

// TestTypeScriptAPI compares the names of exports and of their members.
func TestTypeScriptAPI(t *testing.T) {
	t.Parallel()
	_, api := blocks(t, "TypeScript", "ts")
	sources := strings.Join(readAll(t, packages+"/typescript/src/*.ts"), "\n")
	real := map[string][]string{}
	exports := regexp.MustCompile(`export \{([^}]*)\} from`)
	index := read(t, packages+"/typescript/src/index.ts")
	for _, list := range exports.FindAllStringSubmatch(index, -1) {
		for name := range strings.SplitSeq(list[1], ",") {
			name = strings.TrimPrefix(strings.TrimSpace(name), "type ")
			if name != "" {
				real[name] = typeScriptMembers(t, sources, name)
			}
		}
	}
	require.NotEmpty(t, real)
	shown := map[string][]string{}
	for _, export := range typeScriptExport.FindAllStringSubmatch(api, -1) {
		shown[export[2]] = typeScriptMembers(t, api, export[2])
	}
	assert.Equal(t, real, shown)
}

var (
	typeScriptExport = regexp.MustCompile(`(?m)^export (class|interface|function|const|type) (\w+)`)
	typeScriptMember = regexp.MustCompile(
		`(?m)^  (?:(?:override|static|readonly|async|get) )*(\w+)\??[(:<]`)
)

// typeScriptMembers returns the public members of an exported class or interface, sorted.
func typeScriptMembers(t *testing.T, source, name string) []string {
	t.Helper()
	start := regexp.MustCompile(`(?m)^export (class|interface|function|const|type) ` + name + `\b`)
	at := start.FindStringSubmatchIndex(source)
	require.NotNil(t, at, "%s is not declared", name)
	members := []string{}
	if kind := source[at[2]:at[3]]; kind != "class" && kind != "interface" {
		return members
	}
	body, _, _ := strings.Cut(source[at[0]:], "\n}")
	for _, member := range typeScriptMember.FindAllStringSubmatch(body, -1) {
		members = append(members, member[1])
	}
	slices.Sort(members)
	return members
}

// TestPythonAPI compares names, parameters and their defaults.
func TestPythonAPI(t *testing.T) {
	t.Parallel()
	_, api := blocks(t, "Python", "python")
	command := exec.Command("python3", "testdata/api.py",
		filepath.FromSlash(packages+"/python/sessionclient"))
	command.Stdin = strings.NewReader(api)
	output, err := command.CombinedOutput()
	require.NoError(t, err, "%s", output)
}

// TestSwiftAPI compares declarations.
func TestSwiftAPI(t *testing.T) {
	t.Parallel()
	_, api := blocks(t, "Swift", "swift")
	var real []string
	for _, source := range readAll(t, packages+"/swift/Sources/SessiondClient/*.swift") {
		for _, match := range swiftPublic.FindAllStringSubmatch(source, -1) {
			real = append(real, swiftDeclaration(match[1]))
		}
		for _, match := range swiftProtocol.FindAllStringSubmatch(source, -1) {
			for _, requirement := range swiftRequirement.FindAllStringSubmatch(match[1], -1) {
				real = append(real, swiftDeclaration(requirement[1]))
			}
		}
	}
	// What a conformance requires is not shown again.
	real = slices.DeleteFunc(real, func(declaration string) bool {
		return strings.HasPrefix(declaration, "var description") ||
			strings.HasPrefix(declaration, "var errorDescription")
	})
	var shown []string
	for _, match := range swiftShown.FindAllStringSubmatch(api, -1) {
		shown = append(shown, swiftDeclaration(match[1]))
	}
	slices.Sort(real)
	slices.Sort(shown)
	assert.Equal(t, slices.Compact(real), slices.Compact(shown))
}

// swiftLine matches a declaration, whose list of parameters may have several lines.
const swiftLine = `((?:static |final )*(?:actor|struct|class|enum|protocol|init|func|var|let)\b` +
	`(?:[^\n(]*\((?:[^()]|\([^()]*\))*\))?[^\n]*)`

var (
	swiftPublic      = regexp.MustCompile(`(?m)^ *public ` + swiftLine)
	swiftShown       = regexp.MustCompile(`(?m)^ *` + swiftLine)
	swiftProtocol    = regexp.MustCompile(`(?s)\npublic protocol [^\n]*\{\n(.*?\n)\}`)
	swiftRequirement = regexp.MustCompile(`(?m)^ *(func [^\n]*)`)
)

// swiftDeclaration returns a declaration in one line, without its body and comments.
func swiftDeclaration(text string) string {
	text, _, _ = strings.Cut(oneLine(text), " {")
	text, _, _ = strings.Cut(text, " // ")
	return text
}
