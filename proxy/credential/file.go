package credential

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"sync/atomic"
	"syscall"
)

// FileOptions of File.
type FileOptions struct {
	// Warn is told once if others than the owner may read the file. nil: nobody is.
	Warn func(message string)
}

// File is a secret in a file: the whole of it, less one line end at its end. It is read at each Fetch, so a changed
// file is a changed secret.
func File(path string, o FileOptions) Source { return &file{path: path, options: o} }

type file struct {
	path    string
	options FileOptions
	warned  atomic.Bool
}

func (f *file) Fetch(context.Context) (Secret, error) {
	b, err := f.read()
	if err != nil {
		// The path is in the source's name already.
		var pathError *fs.PathError
		if errors.As(err, &pathError) {
			err = pathError.Err
		}
		return Secret{}, fmt.Errorf("credential: %s: %w", f, err)
	}
	return NewSecret(string(b)), nil
}

func (f *file) read() ([]byte, error) {
	// O_NONBLOCK: to open a named pipe would wait for a writer.
	in, err := os.OpenFile(f.path, os.O_RDONLY|syscall.O_NONBLOCK, 0)
	if err != nil {
		return nil, err
	}
	defer in.Close()
	info, err := in.Stat()
	if err != nil {
		return nil, err
	}
	if !info.Mode().IsRegular() {
		return nil, errors.New("it is not a regular file")
	}
	if mode := info.Mode().Perm(); mode&0o077 != 0 && f.options.Warn != nil && f.warned.CompareAndSwap(false, true) {
		f.options.Warn(fmt.Sprintf("%s has mode %04o: others may read it; chmod 600 it", f, mode))
	}
	b, err := io.ReadAll(io.LimitReader(in, maxSecret+1))
	if err != nil {
		return nil, err
	}
	if len(b) > maxSecret {
		return nil, fmt.Errorf("it is larger than %d bytes", maxSecret)
	}
	if line, ok := bytes.CutSuffix(b, []byte("\n")); ok {
		b = bytes.TrimSuffix(line, []byte("\r"))
	}
	if len(b) == 0 {
		return nil, errors.New("it is empty")
	}
	return b, nil
}

func (f *file) String() string { return "file " + f.path }
