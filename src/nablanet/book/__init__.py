"""The programs of Michael Nielsen's book under their own names: `network`, `network2`, `mnist_loader`.

A script written for them runs after changing only its import:

    from nablanet.book import mnist_loader, network

    training_data, validation_data, test_data = mnist_loader.load_data_wrapper()
    net = network.Network([784, 30, 10])
    net.SGD(training_data, 30, 10, 3.0, test_data=test_data)

They draw from the global `random` and `numpy.random` in the order of the book's programs, so the
same seeds give the same initial weights and the same mini-batches.
"""
