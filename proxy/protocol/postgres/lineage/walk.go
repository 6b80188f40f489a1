package lineage

import (
	pg "github.com/pganalyze/pg_query_go/v6"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"
)

// inner is the message within a Node, nil for none.
func inner(n *pg.Node) proto.Message {
	if n == nil || n.Node == nil {
		return nil
	}
	m := n.ProtoReflect()
	fd := m.WhichOneof(m.Descriptor().Oneofs().Get(0))
	if fd == nil {
		return nil
	}
	return m.Get(fd).Message().Interface()
}

// children hands on each message directly below another, in the order of the
// grammar's fields, Nodes unwrapped.
func children(m proto.Message, visit func(proto.Message)) {
	r := m.ProtoReflect()
	fields := r.Descriptor().Fields()
	for i := range fields.Len() {
		fd := fields.Get(i)
		if fd.Kind() != protoreflect.MessageKind || !r.Has(fd) {
			continue
		}
		if !fd.IsList() {
			child(r.Get(fd).Message(), visit)
			continue
		}
		list := r.Get(fd).List()
		for j := range list.Len() {
			child(list.Get(j).Message(), visit)
		}
	}
}

func child(m protoreflect.Message, visit func(proto.Message)) {
	x := m.Interface()
	if n, ok := x.(*pg.Node); ok {
		if x = inner(n); x == nil {
			return
		}
	}
	visit(x)
}

// texts are the strings of a list of String nodes; star is true when it ends
// in *. ok is false if it holds anything else.
func texts(list []*pg.Node) (names []string, star, ok bool) {
	for i, n := range list {
		switch x := n.GetNode().(type) {
		case *pg.Node_String_:
			names = append(names, x.String_.Sval)
		case *pg.Node_AStar:
			if i != len(list)-1 {
				return nil, false, false
			}
			star = true
		default:
			return nil, false, false
		}
	}
	return names, star, len(list) > 0
}

// qualified splits a name of one or two parts into schema and name.
func qualified(list []*pg.Node) (schema, name string, ok bool) {
	names, star, ok := texts(list)
	if !ok || star || len(names) > 2 {
		return "", "", false
	}
	if len(names) == 2 {
		return names[0], names[1], true
	}
	return "", names[0], true
}
