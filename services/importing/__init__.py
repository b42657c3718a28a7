"""Bulk import of a file, through the one handler of intake, at the speed of every core and in constant memory.

The importing process (`importer`) reads the file in windows (`source`) and gives each of its workers (`crew`, `worker`)
those lines of a window that are about its people; a worker commits them as one batch. What is refused, and how far the
import has come, stand in two files (`record`), so that it goes on after a crash of anybody at any instruction.
"""
