package secret

import (
	_ "embed"
	"math/bits"
	"sync"
)

// commonWords is the list of words in placeholders, pass phrases and example configurations; the
// comment at the top of the file names the sources.
//
//go:embed common_words.txt
var commonWords string

// words returns the listed words as a trie.
var words = sync.OnceValue(func() trie {
	root := &branch{}
	for _, word := range entries(commonWords) {
		if len(word) > maxWord {
			panic("secret: common_words.txt has an entry that is too long")
		}
		at := root
		for _, r := range word {
			s := symbol(r)
			if s == noSymbol {
				panic("secret: common_words.txt has an entry with characters outside a-z and 0-9")
			}
			if at.children[s] == nil {
				at.children[s] = &branch{}
			}
			at = at.children[s]
		}
		at.word = true
	}
	return flatten(root)
})

// maxWord is the maximum length of a listed word: the lengths of the words found at a place must
// fit into 16 bits.
const maxWord = 15

// minLeet is the minimum length of a word that is also found when spelled with digits and other
// characters.
const minLeet = 5

// A symbol is the number of a letter (0 to 25) or digit (26 to 35).
const noSymbol = 36

// symbol returns the symbol of a folded character.
func symbol(r rune) uint8 {
	switch {
	case 'a' <= r && r <= 'z':
		return uint8(r - 'a')
	case '0' <= r && r <= '9':
		return uint8(r-'0') + 26
	}
	return noSymbol
}

// leet returns the symbol of the letter that a digit or other character stands for.
func leet(r rune) uint8 {
	switch r {
	case '0':
		return symbol('o')
	case '1':
		return symbol('l')
	case '3':
		return symbol('e')
	case '4', '@':
		return symbol('a')
	case '5', '$':
		return symbol('s')
	case '7':
		return symbol('t')
	}
	return noSymbol
}

// trie holds words by their prefixes in little memory. Element 0 is the root.
type trie []node

// node is one prefix. Its children are contiguous in the trie, starting at first, in the order of
// their symbols.
type node struct {
	children uint64 // bit s: has a child for symbol s; never set for noSymbol
	first    uint16
	word     bool
}

// child returns the child of the node at for symbol s, or 0, which is never a child, if there is
// none.
func (t trie) child(at uint16, s uint8) uint16 {
	n := &t[at]
	if n.children>>s&1 == 0 {
		return 0
	}
	return n.first + uint16(bits.OnesCount64(n.children&(1<<s-1)))
}

// lengths returns the lengths of the words that a folded text starts with: bit n for a word of n
// characters. If leetToo is set, words of 5 or more characters are also found when spelled with 0
// for o, 1 for l, 3 for e, 4 or @ for a, 5 or $ for s, 7 for t.
func (t trie) lengths(text []rune, leetToo bool) uint16 {
	return t.from(0, text, 0, false, leetToo)
}

// from is lengths from a node at depth on. substituted reports whether one of the characters before
// was read as a letter that it stands for.
func (t trie) from(at uint16, text []rune, depth int, substituted, leetToo bool) uint16 {
	var found uint16
	if t[at].word && (!substituted || depth >= minLeet) {
		found = 1 << depth
	}
	if depth == len(text) {
		return found
	}
	if next := t.child(at, symbol(text[depth])); next != 0 {
		found |= t.from(next, text, depth+1, substituted, leetToo)
	}
	if !leetToo {
		return found
	}
	if next := t.child(at, leet(text[depth])); next != 0 {
		found |= t.from(next, text, depth+1, true, leetToo)
	}
	return found
}

// branch is a node while the trie is built.
type branch struct {
	children [noSymbol]*branch
	word     bool
}

// flatten stores the branches level by level, so that the children of a node are contiguous.
func flatten(root *branch) trie {
	t := trie{{word: root.word}}
	level := []*branch{root}
	for at := 0; at < len(level); at++ {
		t[at].first = uint16(len(t))
		for s, child := range level[at].children {
			if child != nil {
				t[at].children |= 1 << s
				t = append(t, node{word: child.word})
				level = append(level, child)
			}
		}
	}
	return t
}
