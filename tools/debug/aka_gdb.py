"""Shows aka's types in gdb as what they are:

    (gdb) source aka_gdb.py
    (gdb) print t
    $1 = F16 [4096, 4096] model.layers.0.self_attn.q_proj.weight

For all versions of aka in one program, as long as the members keep their names: aka.natvis.in and
tests/debug say which these are. Reads memory only, and calls no function of the program.
"""
import re

import gdb
import gdb.printing

TYPE = re.compile(r'^(?:const )?aka::(?:v\d+_\d+_\d+(?:_ne)?::)?(\w+(?:::\w+)*)(?:<.*>)?$')
MOST = 200  # characters of a name, sizes of a shape
HAS_NO_SHAPE = 0xffffffff
RAW_TYPE = 0x80000000


def text(pointer, size):
    """Bytes of a file as one line: names come from strangers, and go to a terminal."""
    size = int(size)
    if int(pointer) == 0 or size == 0:
        return ''
    try:
        data = bytes(gdb.selected_inferior().read_memory(int(pointer), min(size, MOST)))
    except gdb.MemoryError:
        return '<no memory>'
    line = ''.join(c if c.isprintable() else '\\x%02x' % ord(c)
                   for c in data.decode('utf-8', 'replace'))
    return line + '...' * (size > MOST)


def string_view(v):
    """Of libstdc++ or libc++."""
    names = {field.name for field in v.type.strip_typedefs().fields()}
    pointer, size = ('_M_str', '_M_len') if '_M_str' in names else ('__data_', '__size_')
    return text(v[pointer], v[size]) if size in names else ''


def enumerator(value):
    """The last part of aka::v1_2_3::dtype::f16; a number where there is none."""
    return value.format_string(raw=True).rpartition('::')[2]


def dtype_name(value):
    name = enumerator(value)
    return {'boolean': 'BOOL', 'unknown': name}.get(name, name.upper())


def sizes(pointer, rank):
    rank = int(rank)
    shown = [str(int(pointer[i])) for i in range(min(rank, 12))]
    return '[%s]' % ', '.join(shown + ['...'] * (rank > 12))


def sizes_of_shape(shape):
    far = int(shape['rank_']) > 8
    return sizes(shape['far_'] if far else shape['inline_'], shape['rank_'])


def shown(dtype, shape, name):
    return ' '.join(part for part in (dtype, shape, name) if part)


def tensor(v):
    if int(v['files_']) == 0:
        return 'no tensor'
    return shown(dtype_name(v['dtype_']), sizes_of_shape(v['shape_']) if v['has_shape_'] else '',
                 text(v['name_'], v['name_size_']))


def record(v):  # a tensor as the store has it
    kind, rank = int(v['type']), int(v['rank'])
    dtype = 'unknown' if kind & RAW_TYPE else \
        dtype_name(gdb.Value(kind).cast(named(v, 'dtype')))
    dims = v['dims'] if rank <= 4 else v['far_dims']
    return shown(dtype, '' if rank == HAS_NO_SHAPE else sizes(dims, rank),
                 text(v['name'], v['name_size']))


def named(v, name):
    """Another type of the same version of aka."""
    space = re.match(r'(?:const )?(aka::(?:v\d+_\d+_\d+(?:_ne)?::)?)', str(v.type.strip_typedefs()))
    return gdb.lookup_type(space.group(1) + name)


def fixed_text(v):
    return text(v['text_'].address, v['size_'])


def error(v):
    where = fixed_text(v['file_'])
    offset = int(v['offset_'])
    parts = [enumerator(v['code_']), where, '' if offset == 2 ** 64 - 1 else 'byte %d' % offset,
             fixed_text(v['detail_'])]
    line = ': '.join(part for part in parts if part)
    return line + (' (system error %d)' % int(v['os_error_']) if int(v['os_error_']) else '')


class one_line:
    def __init__(self, value, line):
        self.value, self.line = value, line

    def to_string(self):
        return self.line(self.value)


class result:
    """ok and the value, or why not."""

    def __init__(self, value):
        self.value = value
        names = {field.name for field in value.type.strip_typedefs().fields()}
        self.fine = bool(value['ok_'])
        # Both are in a union without a name.
        self.has_value = any(f.name is None and any(g.name == 'value_' for g in f.type.fields())
                             for f in value.type.strip_typedefs().fields()) or 'value_' in names

    def to_string(self):
        return 'ok' if self.fine else error(self.value['error_'])

    def children(self):
        if self.fine and self.has_value:
            yield 'value', self.value['value_']


class array:
    """Something with a pointer and a count."""

    def __init__(self, value, what):
        self.value, self.what = value, what

    def to_string(self):
        return '%s of %d' % (self.what, int(self.value['size_']))

    def children(self):
        for i in range(int(self.value['size_'])):
            yield '[%d]' % i, (self.value['data_'] + i).dereference()

    def display_hint(self):
        return 'array'


class tensor_list:
    """checkpoint, safetensors, gguf and adapter: their tensors."""

    def __init__(self, value):
        self.store = value['store_']['store_']

    def count(self):
        return int(self.store['tensors']['size_']) - int(self.store['hidden'])

    def to_string(self):
        if int(self.store) == 0:
            return 'nothing is open'
        of_files = self.store
        while int(of_files['files']['size_']) == 0 and int(of_files['source']) != 0:
            of_files = of_files['source']
        files = int(of_files['files']['size_']) + int(of_files['files']['from_'])
        folder = string_view(of_files['folder'])
        counted = '%d tensor%s in %d file%s' % (self.count(), 's' * (self.count() != 1), files,
                                                's' * (files != 1))
        return counted + (' of ' + folder if folder else '')

    def children(self):
        for i in range(self.count() if int(self.store) else 0):
            yield '[%d]' % i, (self.store['tensors']['data_'] + i).dereference()

    def display_hint(self):
        return 'array'


PRINTERS = {
    'dtype': lambda v: one_line(v, dtype_name),
    'errc': lambda v: one_line(v, enumerator),
    'error': lambda v: one_line(v, error),
    'detail::fixed_text': lambda v: one_line(v, fixed_text),
    'shape': lambda v: one_line(v, sizes_of_shape),
    'tensor': lambda v: one_line(v, tensor),
    'detail::tensor_record': lambda v: one_line(v, record),
    'result': result,
    'span': lambda v: array(v, 'span'),
    'detail::growing': lambda v: array(v, 'array'),
    'tensor_list': tensor_list,
    'llama': lambda v: tensor_list(v['roles_']),
}


def find(type_):
    """The printer of a type or of what it is derived from."""
    match = TYPE.match(str(type_))
    if match and match.group(1) in PRINTERS:
        return PRINTERS[match.group(1)]
    if type_.code == gdb.TYPE_CODE_STRUCT:
        for field in type_.fields():
            if field.is_base_class:
                return find(field.type.strip_typedefs())
    return None


class printers(gdb.printing.PrettyPrinter):
    def __call__(self, value):
        type_ = value.type.unqualified().strip_typedefs()
        if not str(type_).startswith('aka::'):
            return None
        make = find(type_)
        return make(value) if make else None


gdb.printing.register_pretty_printer(gdb.current_objfile(), printers('aka'), replace=True)
