"""Conan 2 recipe. Not proven: see packaging/README.md. Stands in the top folder of the source."""
import os
import subprocess
import sys

from conan import ConanFile
from conan.tools.build import check_min_cppstd
from conan.tools.files import copy
from conan.tools.layout import basic_layout


class AkaRecipe(ConanFile):
    name = 'aka'
    license = 'MIT'
    url = homepage = 'https://example.org/aka'
    description = 'Reads safetensors and GGUF, one name and one layout for every tensor'
    topics = ('safetensors', 'gguf', 'llm', 'header-only')
    package_type = 'header-library'
    settings = 'os', 'arch', 'compiler', 'build_type'
    exports = 'tools/version.py', 'include/aka/version.hpp'
    exports_sources = 'include/*', 'LICENSE'
    no_copy_source = True

    def set_version(self):
        script = os.path.join(self.recipe_folder, 'tools', 'version.py')
        self.version = subprocess.check_output([sys.executable, script], text=True).strip()

    def layout(self):
        basic_layout(self)

    def validate(self):
        check_min_cppstd(self, 17)

    def package(self):
        copy(self, 'LICENSE', self.source_folder, os.path.join(self.package_folder, 'licenses'))
        copy(self, '*.hpp', os.path.join(self.source_folder, 'include', 'aka'),
             os.path.join(self.package_folder, 'include', 'aka'))

    def package_info(self):
        self.cpp_info.bindirs = []
        self.cpp_info.libdirs = []
        self.cpp_info.set_property('cmake_file_name', 'aka')
        self.cpp_info.set_property('cmake_target_name', 'aka::aka')
        self.cpp_info.set_property('pkg_config_name', 'aka')

    def package_id(self):
        self.info.clear()
