"""Run in gdb: whether every member that aka.natvis.in names is one of the type that it is about.

Prints `natvis: N expressions of M types: fine`, or what is missing.
"""
import pathlib
import re
import xml.etree.ElementTree as xml

import gdb

NATVIS = pathlib.Path(__file__).resolve().parents[2] / 'tools/debug/aka.natvis.in'
NAMESPACE = '{http://schemas.microsoft.com/vstudio/debugger/natvis/2010}'
# The variable of tests/debug/main.cpp that is of the type.
OBJECTS = {
    'shape': 'sizes', 'tensor': 't', 'detail::tensor_record': 'model.store_.store_->tensors.data_[0]',
    'tensor_list': 'model', 'llama': 'bound.value_', 'detail::fixed_text<*>': 'why.detail_',
    'error': 'why', 'result<void>': 'fine', 'result<*>': 'got', 'span<*>': 'few',
    'detail::growing<*>': 'model.store_.store_->tensors',
}
MEMBER = re.compile(r'(?<![\w.>])([a-z]\w*)((?:(?:\.|->)\w+)*)')
FORMAT = re.compile(r',(?:\[(\w+)\])?(?:en|s8)?$')

bad, expressions, types = [], 0, 0


def check(type_name, expression):
    """Each chain of members in it can be evaluated on the object."""
    global expressions
    expressions += 1
    sized = FORMAT.search(expression)
    chains = [expression[:sized.start()], sized.group(1) or '0'] if sized else [expression]
    for chain in chains:
        for found in MEMBER.finditer(chain):
            if found.group(1) in ('nullptr',):
                continue
            try:
                gdb.parse_and_eval('(%s).%s' % (OBJECTS[type_name], found.group()))
            except gdb.error as why:
                bad.append('%s: %s: %s' % (type_name, expression, why))


for node in xml.parse(NATVIS).getroot():
    if node.tag != NAMESPACE + 'Type':
        continue
    types += 1
    name = node.get('Name').replace('aka::@AKA_ABI@::', '', 1)
    if name not in OBJECTS:
        bad.append('%s: no object of this type to look at' % name)
        continue
    if node[0].get('Name') != node.get('Name').replace('@AKA_ABI@', '@AKA_ABI@_ne', 1):
        bad.append('%s: nothing for builds without exceptions' % name)
    for part in node.iter():
        condition = part.get('Condition')
        if condition:
            check(name, condition)
        tag = part.tag.replace(NAMESPACE, '')
        if tag == 'DisplayString':
            text = part.text.replace('{{', '').replace('}}}', '}')
            for found in re.findall(r'\{([^{}]*)\}', text):
                check(name, found)
        elif tag in ('Item', 'ExpandedItem', 'Size', 'ValuePointer'):
            check(name, part.text)

for line in bad:
    print('natvis: ' + line)
if not bad:
    print('natvis: %d expressions of %d types: fine' % (expressions, types))
