module thalamus/loader

go 1.26
