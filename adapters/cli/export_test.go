package cli

// ProgressLine returns what a progress bar says.
var ProgressLine = progressLine
